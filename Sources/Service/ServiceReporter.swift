import Ring
import Telemetry

/// Tells the service manager how the process is: the main thread what it begins and ends, the heartbeat the rest.
///
/// The watchdog hears of the process only while every shard and the main thread make progress.
final class ServiceReporter: Sendable {
    private struct State {
        var phase = ServiceStatus.Phase.starting
        /// Of the configuration in force.
        var tallies: [ServerTally] = []
        /// Another process is the one that the manager listens to.
        var isMuted: Bool
        var statusTold: String?
        var statusDue = Instant(nanoseconds: 0)
        var pingDue = Instant(nanoseconds: 0)
        var finding = Vitality.Finding()
    }

    private let notifier: SystemdNotifier
    private let vitality: Vitality
    private let rates: RateHistory
    private let log: Log
    private let sessions: @Sendable () -> Int
    private let state: Locked<State>

    /// Between two texts of the status, a little less than a second: beats come early or late.
    private static let statusPause = Duration.milliseconds(950)
    /// What the manager is asked to wait for at least, again and again, while the process drains.
    private static let drainExtension = Duration.seconds(10)

    /// - Parameters:
    ///   - isMuted: another process is told of until `takeOver`.
    ///   - sessions: how many there are; asked from any thread.
    init(
        _ notifier: SystemdNotifier, _ vitality: Vitality, rates: RateHistory, log: Log, isMuted: Bool,
        sessions: @escaping @Sendable () -> Int
    ) {
        self.notifier = notifier
        self.vitality = vitality
        self.rates = rates
        self.log = log
        self.sessions = sessions
        state = Locked(State(isMuted: isMuted))
    }

    /// How often `beat` is to be called.
    var interval: Duration {
        min(Heartbeat.interval, notifier.watchdogLimit.map { $0 / 3 } ?? Heartbeat.interval)
    }

    // MARK: The main thread

    /// These are the servers from now on.
    func use(_ tallies: [ServerTally]) {
        state.withLock { $0.tallies = tallies }
    }

    /// The process has come to another phase of its life, which is told at once.
    func enter(_ phase: ServiceStatus.Phase) {
        let former = state.withLock { state in
            defer { state.phase = phase }
            return state.phase
        }
        tellPhase(after: former)
    }

    /// - Parameter former: the phase before; nil where the manager has not heard of any.
    private func tellPhase(after former: ServiceStatus.Phase?) {
        let now = Instant.current()
        guard let status = newStatus(at: now, isUrgent: true) else { return }
        switch state.withLock({ $0.phase }) {
        case .starting, .upgrading: notifier.tell(.status(status))
        case .serving where former == .upgrading: notifier.tell(.status(status))
        case .serving: notifier.tell(.ready, .status(status))
        case .reloading: notifier.tell(.reloading(now), .status(status))
        case .draining: notifier.tell(.stopping, .status(status), .extend(Self.drainExtension))
        }
    }

    /// Another process serves in this one's place, and tells the manager of itself from now on.
    func handOver(to process: Int32) {
        let wasMuted = state.withLock { state in
            defer { state.isMuted = true }
            return state.isMuted
        }
        if !wasMuted { notifier.tell(.mainProcess(process)) }
    }

    /// The manager listens to this process now.
    func takeOver() {
        state.withLock { $0.isMuted = false }
        tellPhase(after: nil)
    }

    // MARK: The heartbeat

    /// Tells what there is to tell. On the heartbeat's thread.
    func beat(at now: Instant) {
        ping(at: now)
        let status = newStatus(at: now, isUrgent: false)
        let (isMuted, phase) = state.withLock { ($0.isMuted, $0.phase) }
        guard !isMuted else { return }
        if case .draining = phase { notifier.tell(.extend(Self.drainExtension)) }
        if let status { notifier.tell(.status(status)) }
    }

    private func ping(at now: Instant) {
        guard let limit = notifier.watchdogLimit else { return }
        let isDue = state.withLock { state in
            guard now + limit / 6 >= state.pingDue else { return false }
            state.pingDue = now + limit / 3
            return true
        }
        guard isDue else { return }
        let finding = vitality.look(at: now)
        note(finding)
        let isMuted = state.withLock { $0.isMuted }
        if finding.isAlive, !isMuted { notifier.tell(.watchdog) }
    }

    private func note(_ finding: Vitality.Finding) {
        let former = state.withLock { state in
            defer { state.finding = finding }
            return state.finding
        }
        guard finding != former else { return }
        for number in finding.hungShards where !former.hungShards.contains(number) {
            log.error("a shard does not answer: the watchdog is not told of progress", ["shard": "\(number)"])
        }
        if finding.isMainHung, !former.isMainHung {
            log.error("the main thread has been at one thing for too long: the watchdog is not told of progress")
        }
        if finding.isAlive { log.info("all threads make progress again") }
    }

    /// The status where it is to be told.
    private func newStatus(at now: Instant, isUrgent: Bool) -> String? {
        let (sessions, sessionsPerMinute) = (sessions(), rates.perMinute(of: .sessions))
        return state.withLock { state in
            guard !state.isMuted, isUrgent || now >= state.statusDue else { return nil }
            let text = ServiceStatus(
                phase: state.phase, sessions: sessions, sessionsPerMinute: sessionsPerMinute,
                servers: state.tallies.count, serversUp: state.tallies.count { $0[.up] > 0 },
                hungShards: state.finding.hungShards
            ).text(at: now)
            guard isUrgent || text != state.statusTold else { return nil }
            state.statusTold = text
            state.statusDue = now + Self.statusPause
            return text
        }
    }
}
