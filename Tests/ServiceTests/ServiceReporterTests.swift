import Ring
import Telemetry
import TestSupport
import Testing

@testable import Service

@Suite struct ServiceReporterTests {
    private let told = BlockingQueue<String>(limit: 1000)
    private let log: LogPipe
    private let reporter: ServiceReporter
    private let rates = RateHistory()

    init() throws {
        log = try LogPipe()
        reporter = Self.reporter(told, answers: Answers(), log, rates)
    }

    /// Whether the shard answers.
    private final class Answers: Sendable {
        let given = Locked(true)
        let kept = Locked<[@Sendable () -> Void]>([])

        func post(_ job: @escaping @Sendable () -> Void) {
            if given.withLock({ $0 }) { job() } else { kept.withLock { $0.append(job) } }
        }
    }

    private static func reporter(
        _ told: BlockingQueue<String>, answers: Answers, _ log: LogPipe, _ rates: RateHistory, isMuted: Bool = false
    ) -> ServiceReporter {
        let notifier = SystemdNotifier(watchdogLimit: .seconds(3)) { _ = told.push($0) }
        let vitality = Vitality(count: 1) { _, job in answers.post(job) }
        return ServiceReporter(notifier, vitality, rates: rates, log: log.log, isMuted: isMuted) { 7 }
    }

    /// All that has been told since the last time.
    private func all() -> [String] {
        _ = told.push("")
        return (told.popAll() ?? []).filter { !$0.isEmpty }
    }

    private func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: Instant.current().nanoseconds + (100_000 + milliseconds) * 1_000_000)
    }

    @Test func theStatusIsToldOnceASecondAndOnlyWhenItChanges() {
        reporter.enter(.serving)
        #expect(all() == ["READY=1\nSTATUS=7 sessions, 0 a minute, 0 of 0 servers up"])
        let start = at(0)
        reporter.beat(at: start)
        #expect(all() == ["WATCHDOG=1"])
        reporter.use([ServerTally(upstream: "a", server: "b")])
        reporter.beat(at: start + .milliseconds(10))
        #expect(all() == ["STATUS=7 sessions, 0 a minute, 0 of 1 server up"])
        let tally = ServerTally(upstream: "a", server: "b")
        tally.raiseUp()
        reporter.use([tally])
        reporter.beat(at: start + .milliseconds(200))
        #expect(all() == [])
        reporter.beat(at: start + .seconds(1))
        #expect(all() == ["WATCHDOG=1", "STATUS=7 sessions, 0 a minute, 1 of 1 server up"])
        reporter.beat(at: start + .seconds(2))
        #expect(all() == ["WATCHDOG=1"])
    }

    @Test func aShardThatHangsEndsThePing() throws {
        let answers = Answers()
        let reporter = Self.reporter(told, answers: answers, log, rates)
        let start = at(0)
        reporter.enter(.serving)
        answers.given.withLock { $0 = false }
        reporter.beat(at: start)
        _ = all()
        for second in 1..<10 { reporter.beat(at: start + .seconds(second)) }
        #expect(all() == ["STATUS=7 sessions, 0 a minute, 0 of 0 servers up, shard 0 does not answer"])
        _ = try log.message("a shard does not answer")
        answers.given.withLock { $0 = true }
        for job in answers.kept.withLock({ $0 }) { job() }
        reporter.beat(at: start + .seconds(11))
        #expect(all() == ["WATCHDOG=1", "STATUS=7 sessions, 0 a minute, 0 of 0 servers up"])
        _ = try log.message("all threads make progress again")
    }

    @Test func aDrainAsksForTime() {
        reporter.enter(.serving)
        _ = all()
        reporter.enter(.draining(until: .current() + .milliseconds(20_500)))
        #expect(
            all() == ["STOPPING=1\nSTATUS=draining, 7 sessions left, 20 s at most\nEXTEND_TIMEOUT_USEC=10000000"])
        reporter.beat(at: at(0))
        #expect(
            all() == [
                "WATCHDOG=1", "EXTEND_TIMEOUT_USEC=10000000", "STATUS=draining, 7 sessions left, 0 s at most",
            ])
    }

    @Test func oneProcessTellsAtATime() {
        let next = Self.reporter(told, answers: Answers(), log, rates, isMuted: true)
        reporter.enter(.serving)
        next.enter(.serving)
        next.beat(at: at(0))
        _ = all()
        reporter.handOver(to: 4711)
        reporter.enter(.draining(until: at(0)))
        reporter.beat(at: at(0))
        #expect(all() == ["MAINPID=4711"])
        next.takeOver()
        next.beat(at: at(5000))
        #expect(all() == ["READY=1\nSTATUS=7 sessions, 0 a minute, 0 of 0 servers up", "WATCHDOG=1"])
    }

    @Test func theBeatIsQuickEnoughForTheWatchdog() {
        #expect(reporter.interval == .seconds(1))
        let notifier = SystemdNotifier(watchdogLimit: .milliseconds(300)) { _ in }
        let quick = ServiceReporter(
            notifier, Vitality(count: 0) { _, _ in }, rates: rates, log: log.log, isMuted: false
        ) { 0 }
        #expect(quick.interval == .milliseconds(100))
    }

    /// The manager drops what is longer than 4096 bytes.
    @Test(arguments: ["x", "\u{e9}", "\u{1f4ee}", "a\n"]) func manyProblemsAreCut(_ problem: String) throws {
        let told = BlockingQueue<String>(limit: 1)
        let problems = String(repeating: problem, count: 5000)
        SystemdNotifier(watchdogLimit: nil) { _ = told.push($0) }.tellFailure(problems, errno: 22)
        let lines = try #require(told.pop()).split(separator: "\n")
        #expect(lines.count == 2 && lines[0].hasSuffix(" ...") && lines[1] == "ERRNO=22")
        #expect((980...1010).contains(lines[0].utf8.count))
    }

    @Test func aFailureIsOneLine() {
        SystemdNotifier(watchdogLimit: nil) { [told] in _ = told.push($0) }.tellFailure("a\nb", errno: 1)
        #expect(all() == ["STATUS=a; b\nERRNO=1"])
    }
}
