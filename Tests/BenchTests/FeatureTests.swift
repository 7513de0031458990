import Ring
import TLS
import TestCertificates
import Testing
import Wire

@testable import mailrace_bench

/// Each thing that the clients can do, against the sink, which checks every message.
@Suite struct FeatureTests {
    @Test(arguments: [64, 1_000, 100_000], [false, true]) func messagesGoByChunks(_ chunk: Int, _ groups: Bool) throws {
        let settings = smallLoad {
            $0.client.chunkBytes = chunk
            $0.client.recipients = 2
            $0.pipelines = groups
            $0.client.shards = 2
        }
        let summary = try LoadRun.perform(settings, sink: SinkSettings().serving(settings.client, identity: .init()))
        #expect(summary.isClean)
        #expect(summary.sink?.messages == 60)
        #expect((summary.sink?.chunks ?? 0) >= 60 * (1 + 2_000 / chunk))
        #expect(summary.report.steps[.data] == nil)
        #expect(summary.report.steps[.end]?.count == 60)
    }

    @Test(arguments: [false, true]) func messagesHaveSeveralRecipients(_ groups: Bool) throws {
        let settings = smallLoad {
            $0.client.recipients = 5
            $0.client.recipientList = ["a@x.example", "b@x.example", "c@x.example"]
            $0.pipelines = groups
        }
        let summary = try LoadRun.perform(settings, sink: SinkSettings())
        #expect(summary.isClean)
        #expect(summary.report.steps[.rcpt]?.count == 300)
    }

    @Test func recipientsTakeTurns() {
        var settings = ClientSettings()
        settings.recipients = 2
        #expect((0..<2).map { settings.recipient($0, of: 7) } == [settings.recipient, "recipient-2@bench.example"])
        settings.recipientList = ["a", "b", "c"]
        let turns = (0..<6).map { settings.recipient($0 % 2, of: UInt64($0 / 2)) }
        #expect(turns == ["a", "b", "c", "a", "b", "c"])
    }

    @Test(arguments: [false, true]) func lmtpRepliesForEachRecipient(_ chunks: Bool) throws {
        let settings = smallLoad {
            $0.client.isLMTP = true
            $0.client.recipients = 3
            $0.client.chunkBytes = chunks ? 500 : nil
            $0.pipelines = chunks
        }
        let summary = try LoadRun.perform(settings, sink: SinkSettings().serving(settings.client, identity: .init()))
        #expect(summary.isClean)
        #expect(summary.sink?.messages == 60)
        #expect(summary.report.steps[.end]?.count == 180)
    }

    @Test func bodiesComeInSeveralSizes() throws {
        let settings = smallLoad { $0.client.sizes = try! SizeMix("0:1,100:5,5k:3,200k:1") }
        let summary = try LoadRun.perform(settings, sink: SinkSettings())
        #expect(summary.isClean)
        let expected = (0..<60).reduce(0) { $0 + settings.client.sizes.bytes(of: UInt64($1)) }
        #expect(summary.report.bytesAccepted == expected)
    }

    /// The load's, not the grammar's.
    private typealias Credentials = mailrace_bench.Credentials

    @Test(arguments: Credentials.Mechanism.allCases)
    func clientsLogIn(_ mechanism: mailrace_bench.Credentials.Mechanism) throws {
        let settings = smallLoad {
            $0.client.credentials = Credentials(mechanism: mechanism, user: "ünder", password: "a b")
        }
        var sink = SinkSettings().serving(settings.client, identity: .init())
        (sink.user, sink.password) = ("ünder", "a b")
        let summary = try LoadRun.perform(settings, sink: sink)
        #expect(summary.isClean)
        #expect(summary.sink?.authentications == 20)
        #expect(summary.report.steps[.auth]?.count == 20 * [.plain: 1, .login: 3, .cramMD5: 2][mechanism]!)
        sink.password = "another"
        let refused = try LoadRun.perform(settings, sink: sink)
        #expect(refused.report.failures.counts == [.permanent: 20])
        #expect(refused.sink?.authenticationsRefused == 20)
    }

    @Test(arguments: [ProxyVersion.v1, .v2], [false, true])
    func connectionsBeginWithAHeader(_ version: ProxyVersion, _ hasTLS: Bool) throws {
        let directory = try TemporaryDirectory()
        let settings = smallLoad {
            $0.client.proxy = MadeUpClients(version: version == .v1 ? .v1 : .v2)
            $0.client.isTLSImplicit = hasTLS
        }
        let sink = SinkSettings().serving(settings.client, identity: try identity(directory))
        let summary = try LoadRun.perform(settings, sink: sink)
        #expect(summary.isClean)
        #expect(summary.sink?.proxied == 20)
        #expect(summary.sink?.tlsSessions == (hasTLS ? 20 : 0))
    }

    enum ProxyVersion: Sendable { case v1, v2 }

    @Test(arguments: ["TLS1.2", "TLS1.3"], [false, true])
    func sessionsAreResumed(_ version: String, _ isImplicit: Bool) throws {
        let directory = try TemporaryDirectory()
        let settings = smallLoad {
            $0.client.startsTLS = !isImplicit
            $0.client.isTLSImplicit = isImplicit
            $0.client.resumes = true
            $0.client.tlsVersion = TLSVersion(rawValue: version)
            $0.concurrency = 1
        }
        let sink = SinkSettings().serving(settings.client, identity: try identity(directory))
        let summary = try LoadRun.perform(settings, sink: sink)
        #expect(summary.isClean)
        #expect(summary.report.tlsVersions == [version == "TLS1.2" ? "TLSv1.2" : "TLSv1.3": 20])
        #expect(summary.text.contains("\(version.replacing("TLS", with: "TLSv")), 19 resumed (95.0 %)"))
        #expect(summary.report.tlsResumed == 19)
        #expect(summary.sink?.tlsResumed == 19)
        #expect(summary.report.steps[.handshake]?.count == 20)
    }

    private func identity(_ directory: TemporaryDirectory) throws -> SinkSettings.Identity {
        SinkSettings.Identity(
            certificateFile: try directory.write("chain.pem", TestCertificates.ecdsaChain),
            keyFile: try directory.write("key.pem", TestCertificates.ecdsaKey))
    }

    // MARK: Time

    @Test func theWarmUpIsCheckedAndNotCounted() throws {
        let settings = smallLoad {
            $0.warmUp = .milliseconds(100)
            $0.rate = 200
        }
        let summary = try LoadRun.perform(settings, sink: SinkSettings())
        #expect(summary.isClean)
        #expect(summary.report.sessionsDone == 20)
        #expect(summary.report.messagesAccepted == 60)
        #expect(summary.report.sessionTimes.count == 20)
        #expect(summary.report.warmUp.sessions == 20)
        #expect(summary.report.warmUp.messages == 60)
        #expect(summary.sink?.messages == 120)
    }

    @Test func aFailureInTheWarmUpIsAFailure() throws {
        var sink = SinkSettings()
        sink.faults = SinkFaults([try .refusal("rcpt")])
        let settings = smallLoad {
            $0.warmUp = .milliseconds(100)
            $0.rate = 200
        }
        let summary = try LoadRun.perform(settings, sink: sink)
        #expect(!summary.isClean)
        #expect(summary.report.warmUp.sessionsFailed == 20)
        #expect(summary.report.warmUp.messagesFailed == 60)
        #expect(summary.report.messagesFailed == 60)
    }

    /// A sink that stalls: what is late counts from when it was due.
    @Test func latencyCountsFromWhenSessionsWereDue() throws {
        var sink = SinkSettings()
        sink.faults = SinkFaults([try .delay("connect:20ms")])
        let settings = smallLoad {
            $0.concurrency = 1
            $0.rate = 1_000
            $0.messages = 0
        }
        let report = try LoadRun.perform(settings, sink: sink).report
        // The last session is due after 19 ms, and begins behind 19 others of 20 ms.
        #expect(report.sessionDueTimes.max > 350_000_000)
        #expect(try #require(report.sessionDueTimes.quantile(0.5)) > 150_000_000)
        #expect(report.sessionTimes.quantile(0)! >= 20_000_000)
    }

    @Test(arguments: [false, true]) func messagesOfLastingSessionsKeepARate(_ groups: Bool) throws {
        let settings = smallLoad {
            $0.duration = .milliseconds(500)
            $0.lasts = true
            $0.messageRate = 200
            $0.pipelines = groups
            $0.client.shards = 2
        }
        let summary = try LoadRun.perform(settings, sink: SinkSettings())
        #expect(summary.isClean)
        #expect((1...4).contains(summary.report.sessionsBegun))
        #expect(summary.report.messagesAccepted == 100)
        #expect(summary.report.messageDueTimes.count == 100)
    }

    @Test(arguments: [false, true]) func lastingSessionsEndWithTheTime(_ groups: Bool) throws {
        let settings = smallLoad {
            $0.duration = .milliseconds(500)
            $0.warmUp = .milliseconds(500)
            $0.lasts = true
            $0.pipelines = groups
        }
        let summary = try LoadRun.perform(settings, sink: SinkSettings())
        #expect(summary.isClean)
        #expect(summary.report.warmUp.sessions > 0)
        #expect(summary.report.messagesAccepted > 0)
        #expect(summary.report.warmUp.messages > 0)
    }

    @Test func aRampBeginsSlowly() throws {
        let settings = smallLoad {
            $0.ramp = .milliseconds(200)
            $0.concurrency = 20
        }
        let summary = try LoadRun.perform(settings, sink: SinkSettings())
        #expect(summary.isClean)
        #expect(summary.report.sessionsDone == 20)
    }

    @Test(arguments: [false, true]) func anInterruptionEndsARunInOrder(_ lasts: Bool) throws {
        let settings = smallLoad {
            $0.duration = .seconds(3_600)
            $0.lasts = lasts
            $0.messageRate = lasts ? 1 : nil
            $0.rate = lasts ? nil : 1
        }
        let interruption = Interruption()
        interruption.ask()
        #expect(try LoadRun.perform(settings, sink: SinkSettings(), interruption: interruption).isClean)
        let late = Interruption()
        // At some moment of the run.
        let thread = Thread.start(name: "late") { late.ask() }
        let summary = try LoadRun.perform(settings, sink: SinkSettings(), interruption: late)
        thread.join()
        #expect(summary.isClean)
        #expect(summary.elapsedNanoseconds < 60_000_000_000)
    }

    // MARK: Faults

    @Test(arguments: ["close", "reset"], ["connect", "ehlo", "mail", "rcpt", "data", "body", "end", "quit"])
    func droppedSessionsAreFailures(_ how: String, _ phase: String) throws {
        for chunks in [nil, 700] {
            var sink = SinkSettings()
            sink.faults = SinkFaults([try .drop("\(phase):\(how)")])
            let settings = smallLoad { $0.client.chunkBytes = chunks }
            let summary = try LoadRun.perform(settings, sink: sink)
            #expect(summary.report.sessionsFailed == 20)
            #expect(summary.sink?.dropped == 20)
            #expect(summary.lost == 0)
            #expect(summary.report.messagesAccepted == (phase == "quit" ? 60 : 0))
            #expect(summary.report.ambiguous.count == (phase == "end" ? 20 : 0) || phase == "body" && chunks == nil)
            #expect(!summary.isClean)
        }
    }

    @Test func faultsInAShareOfTheCasesLoseNothing() throws {
        var sink = SinkSettings()
        for fault in ["rcpt:451:10%", "end:20%", "data:421:5%", "body:10%"] { sink.faults.add(try .refusal(fault)) }
        for fault in ["mail:close:5%", "end:reset:5%", "quit:10%"] { sink.faults.add(try .drop(fault)) }
        for fault in ["body:1ms:30%", "ehlo:1ms:30%"] { sink.faults.add(try .delay(fault)) }
        for chunks in [nil, 300] {
            let settings = smallLoad {
                $0.sessions = 300
                $0.client.chunkBytes = chunks
                $0.pipelines = true
            }
            let summary = try LoadRun.perform(settings, sink: sink)
            #expect(summary.lost == 0)
            #expect(summary.sink?.isClean == true)
            #expect((1..<900).contains(summary.report.messagesFailed))
            #expect(summary.report.messagesAccepted + summary.report.messagesFailed == 900)
        }
    }

    @Test func aPartOfTheRecipientsIsRefusedByLMTP() throws {
        let settings = smallLoad {
            $0.client.isLMTP = true
            $0.client.recipients = 4
            $0.messages = 1
        }
        var sink = SinkSettings().serving(settings.client, identity: .init())
        sink.faults.add(try .refusal("end:552:50%"))
        let summary = try LoadRun.perform(settings, sink: sink)
        #expect(summary.lost == 0)
        #expect(summary.report.messagesFailed > 0)
        #expect(try #require(summary.sink?.messages) > summary.report.messagesAccepted)
    }
}
