import CLinux
import Glibc
import Ring
import TLS
import TestCertificates
import Testing

@testable import mailrace_bench

@Suite struct EndToEndTests {
    @Test(arguments: [false, true], [1, 2]) func everyMessageArrivesOnce(_ pipelines: Bool, _ shards: Int) throws {
        var sink = SinkSettings()
        sink.shards = shards
        let settings = smallLoad {
            $0.pipelines = pipelines
            $0.client.shards = shards
        }
        let summary = try LoadRun.perform(settings, sink: sink)
        #expect(summary.isClean)
        #expect(summary.lost == 0)
        #expect(summary.report.messagesAccepted == 60)
        #expect(summary.report.sessionTimes.count == 20)
        #expect(summary.sink?.sessions == 20)
        #expect(summary.sink?.messages == 60)
        #expect(summary.sink?.incomplete == 0)
    }

    @Test(arguments: [0, 2, 300_000]) func bodiesOfAnySizeArrive(_ size: Int) throws {
        let settings = smallLoad {
            $0.client.sizes = SizeMix(bytes: size)
            $0.sessions = 5
        }
        #expect(try LoadRun.perform(settings, sink: SinkSettings()).isClean)
    }

    @Test func aRunByTimeEnds() throws {
        let summary = try LoadRun.perform(smallLoad { $0.duration = .milliseconds(500) }, sink: SinkSettings())
        #expect(summary.isClean)
        #expect(summary.report.sessionsBegun > 0)
    }

    @Test func aRateIsNotExceeded() throws {
        let settings = smallLoad {
            $0.rate = 100
            $0.concurrency = 20
        }
        let summary = try LoadRun.perform(settings, sink: SinkSettings())
        #expect(summary.isClean)
        #expect(summary.elapsedNanoseconds >= 190_000_000, "the last of 20 begins after 190 ms")
    }

    @Test func aJournalTellsWhatArrivedAtSinksElsewhere() throws {
        let directory = try TemporaryDirectory()
        let journal = try directory.write("journal", "")
        var sink = SinkSettings()
        sink.journal = journal
        sink.shards = 2
        let server = try SinkServer(sink)
        let settings = smallLoad {
            $0.client.target = server.address
            $0.journal = journal
        }
        #expect(try LoadRun.perform(settings, sink: nil).lost == 0)
        #expect(try LoadRun.perform(settings, sink: nil).isClean, "another run in the same journal")
        _ = server.finish()
        let ledger = try ArrivalJournal.read(journal)
        #expect(ledger.runs.map(\.value.count) == [60, 60])
        #expect(ledger.duplicates == 0)
    }

    @Test func aMessageTwiceInTheJournalIsADuplicate() throws {
        let directory = try TemporaryDirectory()
        let line = "0011223344556677 0000000000000001\n"
        #expect(try ArrivalJournal.read(directory.write("twice", line + line)).duplicates == 1)
        for text in ["0011223344556677", line + "x", "0011223344556677 000000000000000g\n", line.dropLast() + " "] {
            #expect(throws: Unavailable.self) { try ArrivalJournal.read(directory.write("torn", text)) }
        }
        #expect(throws: Unavailable.self) { try ArrivalJournal.read("\(directory.path)/none") }
    }

    /// 421 behind the end of a message says that the connection ends, and nothing of the message.
    @Test(arguments: [("end:421", 20), ("end:451", 0), ("data:421", 0)])
    func messagesWithoutAnAnswerAreAmbiguous(_ refusal: String, _ count: Int) throws {
        var sink = SinkSettings()
        sink.faults = SinkFaults([try .refusal(refusal)])
        for pipelines in [false, true] {
            let summary = try LoadRun.perform(smallLoad { $0.pipelines = pipelines }, sink: sink)
            #expect(summary.report.ambiguous.count == count)
            #expect(summary.report.messagesFailed == 60)
            #expect(summary.json.text.contains("\"ambiguous_arrived\": 0"))
        }
    }

    @Test(arguments: [nil, "TLS1.2", "TLS1.3"]) func sessionsAreSecuredByStartTLS(_ version: String?) throws {
        let directory = try TemporaryDirectory()
        var sink = SinkSettings()
        sink.identity.certificateFile = try directory.write("chain.pem", TestCertificates.ecdsaChain)
        sink.identity.keyFile = try directory.write("key.pem", TestCertificates.ecdsaKey)
        let settings = smallLoad {
            $0.client.startsTLS = true
            $0.client.tlsVersion = version.flatMap { .init(rawValue: $0) }
            $0.client.serverName = "sink.example"
            $0.pipelines = true
        }
        let summary = try LoadRun.perform(settings, sink: sink)
        #expect(summary.isClean)
        #expect(summary.sink?.tlsSessions == 20)
    }

    @Test(arguments: [
        ("connect", SessionFailure.Kind.greeting), ("helo:550", .permanent), ("mail", .transient),
        ("rcpt:550", .permanent), ("data:421", .transient), ("end:554", .permanent),
    ])
    func refusalsAreCountedByKind(_ refusal: String, _ kind: SessionFailure.Kind) throws {
        var sink = SinkSettings()
        sink.faults = SinkFaults([try .refusal(refusal)])
        let summary = try LoadRun.perform(smallLoad(), sink: sink)
        #expect(!summary.isClean)
        #expect(summary.report.failures.counts == [kind: 20])
        #expect(summary.report.messagesFailed == 60)
        #expect(summary.lost == 0)
    }

    @Test func whatIsNotOfferedIsAFailure() throws {
        let summary = try LoadRun.perform(smallLoad { $0.client.startsTLS = true }, sink: SinkSettings())
        #expect(summary.report.failures.counts == [.unsupported: 20])
    }

    @Test func aDeafTargetIsAFailure() throws {
        let socket = try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
        let settings = smallLoad {
            $0.client.target = socket.address
            $0.client.timeout = .milliseconds(50)
            $0.sessions = 4
        }
        let summary = try LoadRun.perform(settings, sink: nil)
        #expect(summary.report.failures.counts == [.timeout: 4])
        socket.close()
        let refused = try LoadRun.perform(settings, sink: nil)
        #expect(refused.report.failures.counts == [.connect: 4])
    }

    @Test func messagesAreStoredByteForByte() throws {
        let directory = try TemporaryDirectory()
        var sink = SinkSettings()
        sink.directory = directory.path
        let summary = try LoadRun.perform(smallLoad { $0.sessions = 2 }, sink: sink)
        #expect(summary.isClean)
        let content = MessageContent(
            run: summary.run, text: MessageText(seed: 1), sizes: SizeMix(bytes: 2_000),
            sender: summary.settings.client.sender, recipient: summary.settings.client.recipient)
        let sent = (0..<6 as Range<UInt64>).map { received(wireForm(content, $0), cutAt: [])?.message }
        let stored = try (1...6).map { try SmallFile.read("\(directory.path)/0000000\($0).eml").bytes }
        #expect(Set(sent) == Set(stored))
    }

    @Test func aSinkEndsWithSessionsOpen() throws {
        let server = try SinkServer(SinkSettings())
        // The greeting shows that the session has begun; then half a message is sent.
        let dialogue = try Dialogue(server.address)
        #expect(dialogue.hear().hasPrefix("220"))
        for command in ["EHLO x", "MAIL FROM:<>", "RCPT TO:<a>", "DATA"] { #expect(!dialogue.ask(command).isEmpty) }
        dialogue.say("half\r\n.")
        let report = server.finish()
        #expect(report.sessions == 1)
        #expect(report.incomplete == 1)
        #expect(report.messages == 0)
    }

    @Test(arguments: [1, 2]) func idleSessionsAreHeldAndThenDeliver(_ shards: Int) throws {
        let server = try SinkServer(SinkSettings())
        var settings = IdleSettings()
        settings.client.target = server.address
        settings.client.shards = shards
        settings.sessions = 50
        settings.concurrency = 8
        settings.hold = .milliseconds(10)
        settings.delivers = true
        settings.pid = Int(getpid())
        let summary = try IdleRun.perform(settings)
        let sink = server.finish()
        #expect(summary.isClean)
        #expect(summary.report.delivered == 50)
        #expect(sink.messages == 50)
        #expect(sink.isClean)
        // What they say is not to be told here: other tests of this process open and close descriptors meanwhile.
        #expect(summary.before != nil && summary.opened != nil && summary.held != nil)
    }

    @Test func sessionsCutOffWhileIdleAreLost() throws {
        var sink = SinkSettings()
        sink.faults = SinkFaults([try .refusal("mail:421")])
        let server = try SinkServer(sink)
        var settings = IdleSettings()
        settings.client.target = server.address
        settings.sessions = 10
        settings.hold = .zero
        settings.delivers = true
        let summary = try IdleRun.perform(settings)
        _ = server.finish()
        #expect(!summary.isClean)
        #expect(summary.report.lost == 10)
    }
}
