import Glibc
import Ring
import Testing

@testable import mailrace_bench

@Suite struct CompareTests {
    private func settings(_ sinks: [SinkServer], rounds: Int = 3) throws -> CompareSettings {
        var settings = CompareSettings()
        for (name, sink) in zip(["one", "other"], sinks) {
            settings.targets.append(try ComparedTarget("\(sink.address)=\(name),\(getpid())"))
        }
        settings.load = smallLoad()
        settings.rounds = rounds
        return settings
    }

    @Test func targetsAreComparedRoundByRound() throws {
        let sinks = [try SinkServer(SinkSettings()), try SinkServer(SinkSettings())]
        let summary = try CompareRun.perform(try settings(sinks))
        let seen = sinks.map { $0.finish() }
        #expect(summary.isClean)
        #expect(seen.map(\.messages) == [180, 180])
        #expect(summary.samples.map(\.count) == [3, 3])
        for metric in Metric.allCases {
            #expect(summary.values(metric, 1) != nil, "\(metric)")
        }
        #expect(summary.ratios(.sessionsPerSecond, 0) == Spread([1]))
        let ratio = try #require(summary.ratios(.sessionsPerSecond, 1))
        #expect(ratio.min <= ratio.median && ratio.median <= ratio.max)
        for text in [summary.text, summary.markdown, summary.json.text] {
            #expect(text.contains("one") && text.contains("other"))
        }
        #expect(summary.markdown.split(separator: "\n").filter { $0.hasPrefix("|") }.count == 2 + Metric.allCases.count)
    }

    /// Its own sink stands behind no target here, so that all that is accepted is lost.
    @Test func whatDoesNotArriveIsLost() throws {
        let sinks = [try SinkServer(SinkSettings()), try SinkServer(SinkSettings())]
        var settings = try settings(sinks, rounds: 1)
        settings.sink = SinkSettings()
        let summary = try CompareRun.perform(settings)
        for sink in sinks { _ = sink.finish() }
        #expect(!summary.isClean)
        #expect((0..<2).map { summary.lost($0) } == [60, 60])
        #expect(summary.text.contains("one: 0 sessions failed, 60 messages lost"))
    }

    @Test func whatFailsIsTold() throws {
        var refusing = SinkSettings()
        refusing.faults.add(try .refusal("rcpt"))
        let sinks = [try SinkServer(SinkSettings()), try SinkServer(refusing)]
        let summary = try CompareRun.perform(try settings(sinks, rounds: 1))
        for sink in sinks { _ = sink.finish() }
        #expect(!summary.isClean)
        #expect(summary.text.contains("other: 20 sessions failed"))
        #expect(summary.json.text.contains("\"ok\": false"))
    }

    @Test func everyOtherRoundIsReversed() throws {
        var settings = CompareSettings()
        for port in 1...3 { settings.targets.append(try ComparedTarget("127.0.0.1:\(port)")) }
        #expect((0..<3).map { settings.order(of: $0) } == [[0, 1, 2], [2, 1, 0], [0, 1, 2]])
    }

    @Test func readsTargets() throws {
        let target = try ComparedTarget("127.0.0.1:25=nginx,123")
        #expect(target.name == "nginx" && target.pid == 123 && target.address == .loopback(port: 25))
        #expect(try ComparedTarget("[::1]:25").name == "[::1]:25")
        for text in ["", "x", "127.0.0.1:25=", "127.0.0.1:25=a,", "127.0.0.1:25=a,0", "127.0.0.1:25=a,1,2"] {
            #expect(throws: UsageError.self) { try ComparedTarget(text) }
        }
    }

    @Test func spreadsHaveTheirMiddle() {
        #expect(Spread([]) == nil)
        #expect(Spread([3, 1, 2])?.median == 2)
        #expect(Spread([4, 1, 2, 3])?.median == 2.5)
        #expect(Spread([0.8, 0.834, 0.91])?.ratioText == "0.83 (0.8..0.91)")
    }

    // MARK: Processes

    @Test func readsTheTimesOfAProcess() throws {
        let line = "17 (a ) b) S 4 17 17 0 -1 4194560 1 2 3 4 100 50 30 20 20 0 1 0 5 6 7"
        let times = try #require(ProcessTimes(stat: line, ticksPerSecond: 100))
        #expect(times.parent == 4)
        #expect(times.seconds == 2)
        #expect(!times.hasEnded)
        #expect(ProcessTimes(stat: line.replacing(" S ", with: " Z "), ticksPerSecond: 100)?.hasEnded == true)
        for wrong in ["", "17 (a) S 4", "17 (a"] { #expect(ProcessTimes(stat: wrong, ticksPerSecond: 100) == nil) }
    }

    @Test func knowsTheChildrenOfAProcess() throws {
        #expect(ProcessTree.members(of: Int(getpid())).first == Int(getpid()))
        #expect(ProcessTree.members(of: Int(getppid())).contains(Int(getpid())))
        #expect(ProcessTree.members(of: Int(Int32.max)).isEmpty)
        #expect(ProcessTree.processorSeconds(of: Int(Int32.max)) == nil)
        #expect(ProcessUsage.read(pid: Int(Int32.max)) == nil)
    }

    @Test func aChildThatHasEndedHoldsNothing() throws {
        let shell: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
        defer { for word in shell { free(word) } }
        var child: pid_t = 0
        #expect(posix_spawnp(&child, "true", nil, nil, shell, nil) == 0)
        var ended = siginfo_t()
        #expect(waitid(P_PID, id_t(child), &ended, WEXITED | WNOWAIT) == 0)
        #expect(ProcessTree.members(of: Int(getpid())).contains(Int(child)))
        #expect(ProcessUsage.read(pid: Int(getpid())) != nil)
        #expect(waitpid(child, nil, 0) == child)
    }
}
