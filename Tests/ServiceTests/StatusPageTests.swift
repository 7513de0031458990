import Ring
import Testing

@testable import Relay
@testable import Service
@testable import Telemetry

@Suite struct StatusPageTests {
    static let hostile = "<script>alert(1)</script>\"'&\u{1b}[2J\u{202e}</td></style><!--"

    /// A report in which everything that has a name has this one.
    static func report(_ name: String) -> StatusReport {
        let now = UTCTime(unixMilliseconds: 1_800_000_000_000)
        var record = SessionRecord(
            id: SessionID(shard: 1, time: now, counter: 7), listener: name,
            start: UTCTime(unixMilliseconds: now.unixMilliseconds - 61_000),
            client: name)
        record.greetingName = name
        record.upstream = name
        record.tls = SessionRecord.TLSFacts(version: name, cipher: name, resumed: false)
        let listener = AdminBoard.Configured.Listener(
            name: name, statPrefix: name, addresses: [name, name], role: "smtp", tls: "offer", upstream: name)
        let upstream = AdminBoard.Configured.Upstream(name: name, servers: [name], tls: "off")
        var configured = AdminBoard.Configured()
        configured.hostname = name
        configured.sessionsMax = 10_000
        configured.listeners = [listener]
        configured.upstreams = [upstream]
        configured.certificates = [
            .init(set: name, path: name, notAfter: now.unixMilliseconds / 1000 + 86_400 * 3),
            .init(set: name, path: name, notAfter: now.unixMilliseconds / 1000 - 1),
        ]
        let reload = AdminBoard.Reload(isSuccessful: false, time: now, successTime: now)
        let points = (0..<30).map { RateHistory.Point(secondsAgo: Double(29 - $0), perSecond: Double($0 % 7)) }
        return StatusReport(
            standing: AdminBoard.Standing(configured: configured, isReady: true, reload: reload), now: now,
            start: UTCTime(unixMilliseconds: now.unixMilliseconds - 7_260_000), shardCount: 2, sessions: 1234,
            rates: .init(perMinute: [60, 1, 5 << 20, 7], charts: [points, [], points, points], span: .quarterHour),
            listeners: [
                .init(
                    configured: listener, sessions: 3, opaque: 2, total: 99_999, sessionsPerMinute: 4,
                    refusedPerMinute: 0)
            ],
            upstreams: [
                .init(
                    configured: upstream,
                    servers: [
                        .init(
                            name: name, upShards: 0, connections: 1, connects: 2, connectFailures: 3, failures: 4,
                            ejections: 5, failedChecks: 6)
                    ])
            ],
            troubles: [.init(name: "sessions_refused", help: name, count: 12_345)],
            oldest: SessionsReport(
                now: now, sessions: [SessionSummary(record, bytesReceived: 2_048, bytesSent: 5)], total: 1234,
                silentShards: [1]),
            visitors: [.init(address: name, sessions: 3, begun: 4, refused: 5)], logLinesDropped: 3)
    }

    @Test func whatOthersHaveWrittenIsTextEverywhere() {
        let page = StatusPage(report: Self.report(Self.hostile)).html
        #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{1b}[2J\\u{202e}&lt;/td&gt;"))
        #expect(!page.contains("<script") && !page.contains("<!--"))
        #expect(!page.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" || $0.value == 0x202e })
    }

    @Test func everyElementIsClosedWhateverIsInIt() {
        for name in [Self.hostile, "plain", ""] {
            let page = StatusPage(report: Self.report(name)).html
            for tag in ["div", "table", "tr", "td", "th", "svg", "figure", "h2", "span", "code", "p", "main", "style"] {
                let begun = page.matches(of: try! Regex("<\(tag)[ >]")).count
                #expect(
                    begun == page.split(separator: "</\(tag)>", omittingEmptySubsequences: false).count - 1, "\(tag)")
            }
        }
    }

    @Test func nothingComesFromElsewhere() {
        let page = StatusPage(report: Self.report("x")).html
        for mark in ["src=", "url(", "@import", "http://", "https://", "<script", "<link", "style="] {
            #expect(!page.contains(mark), "\(mark)")
        }
        #expect(page.contains("name=\"viewport\"") && page.contains("prefers-color-scheme:dark"))
    }

    @Test func whatIsUrgentStandsFirst() throws {
        let page = StatusPage(report: Self.report("x")).html
        let warnings = try #require(page.firstRange(of: "<div class=w>"))
        let figures = try #require(page.firstRange(of: "<div class=g>"))
        #expect(warnings.lowerBound < figures.lowerBound)
        for text in [
            "Shards that do not answer: 1.", "No server of upstream x is up.", "The certificate x has expired.",
            "was refused: the log says why", "Lines that the log had no room for: 3.",
        ] {
            #expect(page[warnings.lowerBound..<figures.lowerBound].contains(text), "\(text)")
        }
    }

    @Test func figuresAreThoseOfTheReport() {
        let page = StatusPage(report: Self.report("x")).html
        for text in [
            "<b>1,234</b>sessions, of at most 10,000", "up 2 h 1 min", "Oldest 1 of 1,234 sessions", "1 min 1 s",
            "2 KiB", "12,345", "<b>5 MiB</b>", ">expired<", ">3</span>", "15 min ago", "2027-01-15 08:00:00",
        ] {
            #expect(page.contains(text), "\(text)")
        }
    }

    @Test func theSameStandsInJSON() {
        let text = Self.report(Self.hostile).json.rendered
        #expect(text.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
        for part in [
            #""state": "ready""#, #""uptime_seconds": 7260.0"#, #""days_left": 3"#, #""days_left": -1"#,
            #""up_shards": 0"#, #""silent_shards": [1]"#, #""count": 12345"#, #""successful": false"#,
            #"\u001b[2J\u202e"#,
        ] {
            #expect(text.contains(part), "\(part)")
        }
    }

    @Test func aChartOfNothingIsDrawn() {
        let chart = Chart(title: "t", points: [], span: .minute) { "\($0)" }.svg
        #expect(chart.contains("now 0.0") && !chart.contains("polyline") && chart.contains("1 min ago"))
        let flat = (0..<3).map { RateHistory.Point(secondsAgo: Double($0), perSecond: 0) }
        #expect(Chart(title: "t", points: flat, span: .minute) { "\($0)" }.svg.contains("300.0,59.0"))
    }
}

@Suite struct FiguresTests {
    @Test(arguments: [(0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567"), (100_000, "100,000")])
    func countsHaveTheirThousands(_ number: Int, _ text: String) {
        #expect(Figures.count(number) == text)
    }

    @Test(arguments: [
        (UInt64(0), "0 B"), (1_023, "1023 B"), (1_024, "1 KiB"), (1_536, "1.5 KiB"), (15 << 20, "15 MiB"),
        (.max, "16777216 TiB"), (10_188, "9.9 KiB"), (10_239, "10 KiB"),
    ])
    func bytesHaveTheirUnit(_ number: UInt64, _ text: String) {
        #expect(Figures.bytes(number) == text)
    }

    @Test(arguments: [
        (-1.0, "0 s"), (0.04, "0.0 s"), (0.5, "0.5 s"), (9.5, "9.5 s"), (59.9, "59 s"), (60.0, "1 min"),
        (185.0, "3 min 5 s"),
        (7_260.0, "2 h 1 min"), (259_205.0, "3 d"), (1e30, "11574074 d 1 h"),
    ])
    func durationsHaveTwoUnitsAtMost(_ seconds: Double, _ text: String) {
        #expect(Figures.duration(seconds: seconds) == text)
    }
}

@Suite struct HTMLTests {
    @Test(arguments: [
        ("", ""), ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"), ("\0\u{7f}\n", "\\u{0}\\u{7f}\\u{a}"),
        ("caf\u{e9} \u{65e5}", "caf\u{e9} \u{65e5}"),
        ("\u{200b}\u{feff}\u{e000}\u{301}", "\\u{200b}\\u{feff}\\u{e000}\\u{301}"),
    ])
    func textStaysText(_ text: String, _ shown: String) {
        #expect(HTML.escaped(text) == shown)
    }

    @Test func whatIsLongIsCut() {
        #expect(HTML.escaped("<<<<", limit: 3) == "&lt;&lt;&lt;\u{2026}")
        #expect(HTML.escaped("<<<", limit: 3) == "&lt;&lt;&lt;")
        #expect(HTML.escaped(String(repeating: "x", count: 100_000)).count == 201)
    }
}
