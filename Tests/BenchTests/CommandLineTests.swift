import Ring
import Testing

@testable import mailrace_bench

/// getopt_long keeps its place in the process's own memory: one command line at a time.
@Suite(.serialized) struct CommandLineTests {
    @Test func readsTheOptionsOfLoad() throws {
        let arguments = [
            "--target=[::1]:2525", "--sessions", "5", "--size", "64k", "--pipelining", "--starttls", "--duration",
            "1.5s",
        ]
        let load = try #require(try Load(arguments: arguments))
        #expect(load.settings.client.target?.description == "[::1]:2525")
        #expect(load.settings.sessions == 5)
        #expect(load.settings.client.sizes == SizeMix(bytes: 65_536))
        #expect(load.settings.pipelines)
        #expect(load.settings.client.startsTLS)
        #expect(load.settings.duration == .milliseconds(1_500))
    }

    @Test(arguments: [
        [], ["--target", "127.0.0.1"], ["--target", "a..b:25"], ["--target", "1.2.3.4:65536"],
        ["--sink", "--size", "1"], ["--sink", "--sessions", "0"], ["--sink", "--sessions", "x"], ["--sink", "x"],
        ["--sink", "--nonesuch"], ["--sink", "--json=1"], ["--sessions"], ["--sink", "--certificate", "x"],
        ["--sink", "--server-name", "x"], ["--sink", "--starttls", "--tls-version", "1"],
        ["--sink", "--sessions", "1000000", "--messages", "1000000"], ["--sink", "--duration", "-1s"],
        ["--sink", "--lasting"], ["--sink", "--rate", "1", "--message-rate", "1"], ["--sink", "--tls", "--starttls"],
        ["--sink", "--resume"], ["--sink", "--auth", "gssapi"], ["--sink", "--auth", "plain"],
        ["--sink", "--proxy", "v3"], ["--sink", "--proxy-clients", "192.0.2.1/24"], ["--sink", "--bdat", "0"],
        ["--sink", "--recipients", "0"], ["--sink", "--recipients-from", "/nonesuch"],
        ["--sink", "--size-mix", "4k:x"],
        ["--sink", "--from", "a\r\nb"], ["--sink", "--password-file", "/nonesuch"],
    ])
    func refusesWhatCannotBe(_ arguments: [String]) {
        #expect(throws: UsageError.self) { try Load(arguments: arguments) }
    }

    @Test func aNameStandsForItsAddress() throws {
        let address = try Values.address("localhost:25")
        #expect(["127.0.0.1:25", "[::1]:25"].contains("\(address)"))
    }

    @Test func readsTheOptionsOfASinkAndAComparison() throws {
        let sink = try #require(
            try Sink(arguments: ["--refuse", "rcpt:10%", "--drop=end:reset", "--delay", "data:1s", "--lmtp", "--proxy"])
        )
        #expect(sink.settings.faults.faults.map(\.phase) == [.rcpt, .end, .data])
        #expect(sink.settings.isLMTP && sink.settings.readsProxyHeader)
        let targets = ["--target", "127.0.0.1:1=a", "--target", "127.0.0.1:2=b"]
        let compare = try #require(try Compare(arguments: targets + ["--rounds", "3", "--sink-listen", "127.0.0.1:3"]))
        #expect(compare.settings.targets.map(\.name) == ["a", "b"])
        #expect(compare.settings.sink?.address.port == 3)
        for wrong in [
            ["--target", "127.0.0.1:1"], targets + ["--target", "127.0.0.1:3=b"], targets + ["--rounds", "0"],
        ] {
            #expect(throws: UsageError.self) { try Compare(arguments: wrong) }
        }
        for wrong in [["--tls"], ["--user", "a"], ["--delay", "data"], ["--drop", "x"], ["--key", "x"]] {
            #expect(throws: UsageError.self) { try Sink(arguments: wrong) }
        }
    }

    @Test func showsHelpOnDemand() throws {
        #expect(try Sink(arguments: ["--help"]) == nil)
        for help in [Sink.help, Load.help, Idle.help, Compare.help] {
            #expect(help.split(separator: "\n").allSatisfy { $0.count <= 120 })
        }
    }

    @Test(arguments: [("0", 0), ("12", 12), ("4k", 4_096), ("3M", 3 << 20), ("1G", 1 << 30)])
    func readsSizes(_ text: String, _ bytes: Int) throws {
        #expect(try Values.size(text) == bytes)
    }

    @Test(arguments: [("2", 2_000), ("200ms", 200), ("1.5s", 1_500), ("2m", 120_000), ("1h", 3_600_000)])
    func readsDurations(_ text: String, _ milliseconds: Int) throws {
        #expect(try Values.duration(text) == .milliseconds(milliseconds))
    }

    @Test func writesJSON() {
        let value = JSON.object([
            ("a", .integer(1)), ("b", .array([.string("q\"\\\n"), .null, .bool(true)])), ("c", .number(1.5)),
            ("d", .number(.nan)),
        ])
        #expect(value.text == #"{"a": 1, "b": ["q\"\\\u000a", null, true], "c": 1.5, "d": null}"#)
    }
}
