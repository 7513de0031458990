import Testing

@testable import Telemetry

@Suite struct MessageRecordTests {
    private static func record(sender: String = "a@client.test") -> MessageRecord {
        let start = UTCTime(unixMilliseconds: 1_234_567_890_123)
        return MessageRecord(
            session: SessionID(shard: 1, time: start, counter: 7), transaction: 2, listener: "mx", start: start,
            client: "192.0.2.1:4711", sender: Array(sender.utf8))
    }

    private static func line(_ record: MessageRecord, _ format: Log.Format) -> String {
        LogLine(
            time: UTCTime(unixMilliseconds: 1_234_567_891_000), level: .info, message: nil, fields: record.fields
        ).rendered(format)
    }

    @Test func oneThatHadNothingSaysSo() {
        let record = Self.record(sender: "")
        #expect(
            Self.line(record, .text) == """
                2009-02-13T23:31:31.000Z info session=\(record.session) transaction=2 listener=mx \
                start=2009-02-13T23:31:30.123Z total_ms=0 client=192.0.2.1:4711 login=- sender="" recipients=- \
                recipients_accepted=0 recipients_refused=0 size=- chunked=false source=- route=- upstream=- \
                upstream_tls=- upstream_cipher=- reused=false outcome=abandoned code=- reply=- origin=- fault=- \
                route_ms=- connect_ms=- envelope_ms=- data_ms=- final_ms=-

                """)
        #expect(Self.line(record, .json).contains(#""recipients":null,"recipients_accepted":0,"#))
    }

    private static func full() -> MessageRecord {
        var record = Self.record()
        record.totalMilliseconds = 31
        record.noteRecipients(["b@example.com".utf8, "c@example.com".utf8], accepted: 2, refused: 1)
        record.messageBytes = 2048
        record.source = "customers"
        record.route = "backend"
        record.upstream = "[2001:db8::1]:25"
        record.upstreamTLS = .init(version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", resumed: false)
        record.isReused = true
        record.outcome = .accepted
        record.reply = .init(code: 250, text: Array("2.0.0 Ok: queued as 4".utf8), origin: .upstream)
        record.phases.routeMilliseconds = 1
        record.phases.envelopeMilliseconds = 2
        record.phases.dataMilliseconds = 3
        record.phases.finalReplyMilliseconds = 4
        return record
    }

    @Test func aFullOneSaysAll() {
        #expect(
            Self.line(Self.full(), .text).hasSuffix(
                """
                 total_ms=31 client=192.0.2.1:4711 login=- sender=a@client.test \
                recipients=b@example.com,c@example.com recipients_accepted=2 recipients_refused=1 size=2048 \
                chunked=false source=customers route=backend upstream=[2001:db8::1]:25 upstream_tls=TLSv1.3 \
                upstream_cipher=TLS_AES_256_GCM_SHA384 reused=true outcome=accepted code=250 \
                reply="2.0.0 Ok: queued as 4" origin=upstream fault=- route_ms=1 connect_ms=- envelope_ms=2 \
                data_ms=3 final_ms=4

                """))
        #expect(
            Self.line(Self.full(), .json).contains(
                #""sender":"a@client.test","recipients":["b@example.com","c@example.com"],"recipients_accepted":2,"#))
    }

    @Test func whatPeersSayIsEscapedAndCut() {
        var record = Self.record(sender: "x outcome=accepted \"\r\n")
        record.noteRecipients(["b,c@example.com".utf8, "\u{1b}[2J@example.com".utf8], accepted: 2, refused: 0)
        record.reply = .init(code: 550, text: [UInt8](repeating: 0xff, count: 10_000), origin: .upstream)
        let text = Self.line(record, .text)
        #expect(text.contains(#" sender="x outcome=accepted \"\x0d\x0a" "#))
        #expect(text.contains(#" recipients="b,c@example.com,\x1b[2J@example.com" "#))
        #expect(text.utf8.count < 3000 && text.utf8.allSatisfy { $0 == 0x0a || 0x20...0x7e ~= $0 })
        #expect(text.utf8.filter { $0 == 0x0a }.count == 1)
        #expect(Self.line(record, .json).contains(#""recipients":["b,c@example.com","\u001b[2J@example.com"]"#))
    }

    @Test func manyRecipientsAreCounted() {
        var record = Self.record()
        record.noteRecipients((0..<1000).map { "\($0)@example.com".utf8 }, accepted: 1000, refused: 0)
        #expect(record.recipientsAccepted == 1000)
        #expect(record.recipients == (0..<MessageRecord.recipientsShownMax).map { "\($0)@example.com" })
    }

    @Test func labelsAreDistinctWords() {
        for labels in [
            MessageRecord.Outcome.allCases.map(\.rawValue), MessageRecord.Origin.allCases.map(\.rawValue),
            MessageRecord.Fault.allCases.map(\.rawValue),
        ] {
            for label in labels {
                #expect(label.utf8.allSatisfy { 0x61...0x7a ~= $0 || $0 == UInt8(ascii: "_") })
            }
        }
    }

    @Test func namesThatTheSessionsLineHasMeanTheSame() {
        let session = SessionRecord(id: Self.record().session, listener: "mx", start: Self.record().start, client: "c")
        let shared = Set(session.fields.map(\.name)).intersection(Self.record().fields.map(\.name))
        #expect(
            shared == [
                "session", "listener", "start", "client", "login", "upstream", "upstream_tls", "upstream_cipher",
            ])
    }
}

@Suite struct MessageRouteTests {
    private static func route(
        _ upstream: String, _ outcome: MessageRecord.Outcome = .accepted, source: String = "customers"
    ) -> MessageRoute {
        MessageRoute(source: source, upstream: upstream, outcome: outcome)
    }

    @Test func eachIsCountedApartAndShardsAreSummed() {
        let table = CounterTable(shardCount: 2)
        for shard in 0..<2 { table.counters(statPrefix: "mx", shard: shard).add(Self.route("b")) }
        table.counters(statPrefix: "mx", shard: 0).add(Self.route("b", .refused))
        table.counters(statPrefix: "mx", shard: 0).add(Self.route("a", source: MessageRoute.directSource))
        let expected = [
            #"{stat_prefix="mx",source="customers",upstream="b",outcome="accepted"} 2"#,
            #"{stat_prefix="mx",source="customers",upstream="b",outcome="refused"} 1"#,
            #"{stat_prefix="mx",source="direct",upstream="a",outcome="accepted"} 1"#,
        ]
        let shown = table.exposition(process: []).split(separator: "\n").filter { $0.hasPrefix("mailrace_route_m") }
        #expect(shown.map(String.init) == expected.map { "mailrace_route_messages_total" + $0 })
        let logged = table.text().split(separator: "\n").filter { $0.hasPrefix("route_messages") }
        #expect(logged.map(String.init) == expected.map { "route_messages" + $0 })
    }

    @Test func tooManyBecomeOne() {
        let counters = Counters()
        for number in 0..<(Counters.routesMax * 2) { counters.add(Self.route("\(number)")) }
        for outcome in MessageRecord.Outcome.allCases { counters.add(Self.route("new", outcome)) }
        let values = counters.routeValues
        #expect(values.count <= Counters.routesMax)
        #expect(values.values.reduce(0, +) == UInt64(Counters.routesMax * 2 + MessageRecord.Outcome.allCases.count))
        #expect(values[Self.route("0")] == 1)
        #expect(values[Self.route("other", .refused, source: "other")] == 1)
    }
}
