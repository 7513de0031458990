import CLinux
import Glibc
import Lookup
import Relay
import Ring
import Settings
import Telemetry

// What happens while the server runs, one thing after the other, on the main thread.
extension Server {
    func serve() -> Outcome {
        var drainedShards = 0
        var isTerminated = false
        // systemd ends what is left of the service once its main process has ended: that is not to be the former one.
        func isOver() -> Bool { drainedShards == fleet.count && !hasFormer }
        while true {
            vitality.noteMainIdle()
            let event = events.next()
            vitality.noteMainBusy(at: .current())
            switch event {
            case .termination(let number):
                guard !isTerminated else { return .stopped(number) }
                isTerminated = true
                // A process that another one has replaced is about to end as gently as it can.
                guard !isDraining else { continue }
                abandonUpgrade()
                drain()
            case .shardDrained:
                drainedShards += 1
                if isOver() { return .drained }
            case .formerEnded:
                hasFormer = false
                if isOver() { return .drained }
            case .reopenLog:
                log.reopen()
                transcripts.reopen()
                logCounters()
            case .reload(let answers): beginReload(answers)
            case .upgrade(let answers): beginUpgrade(answers)
            case .upgradeEnded(let outcome): endUpgrade(outcome)
            case .filesChanged where upgrade != nil: missed.files = true
            case .filesChanged: if !isDraining { reloadFiles() }
            case .sessionsEmptied: linux_trim_heap()
            }
        }
    }

    private func beginReload(_ answers: [RequestAnswer]) {
        let report: RequestReport =
            isDraining ? .ending : upgrade == nil ? reportedReload() : .unavailable(["an upgrade is under way"])
        for answer in answers { answer.give(report) }
        // A signal has nobody to be told that it comes to nothing.
        if upgrade != nil, answers.isEmpty {
            log.info("an upgrade is under way: the reload waits")
            missed.reload = true
        }
    }

    /// Does what an upgrade that has failed was to do.
    func makeUpForMissed() {
        if missed.reload { events.signal(SIGHUP) } else if missed.files { events.noteFilesChanged() }
        missed = (false, false)
    }

    private func reportedReload() -> RequestReport {
        reporter.enter(.reloading)
        defer { reporter.enter(.serving) }
        return reload()
    }

    private func drain() {
        fleet.setDoors([])
        // Those who are connected already are told, too.
        fleet.close(doors(of: state))
        beginDrain(gently: false)
    }

    /// The doors are closed by now.
    ///
    /// - Parameter gently: sessions before the hand-off go on as well, until the time is over.
    func beginDrain(gently: Bool) {
        isDraining = true
        board.noteDraining()
        log.info("draining", ["sessions": "\(limits.sessions)"])
        let deadline = Instant.current() + state.loaded.settings.runtime.drainTimeout
        if hasFormer { forgetFormer(at: deadline + Self.formerPatience) }
        reporter.enter(.draining(until: deadline))
        fleet.begin { [events] local, shard in
            await local.drain(until: deadline, gently: gently, on: shard)
            events.noteShardDrained()
        }
    }

    /// The former process ends by then, unless it hangs.
    private func forgetFormer(at deadline: Instant) {
        let watcher = Thread.startIfPossible(name: "former") { [events] in
            sleep(UInt32(clamping: deadline.nanoseconds(since: .current()) / 1_000_000_000))
            events.noteFormerEnded()
        }
        if watcher == nil { events.noteFormerEnded() }
    }

    /// After the time for a drain.
    private static let formerPatience = Duration.seconds(5)

    /// One line for each counter that has moved.
    func logCounters() {
        for line in counters.text().split(separator: "\n") where !line.hasSuffix(" 0") {
            log.info("counter", ["value": String(line)])
        }
    }

    /// The servers of the configuration in force.
    func tallies(of state: State) -> [ServerTally] {
        state.plan.upstreams.flatMap { upstream in
            upstream.servers.map { counters.tally(upstream: upstream.name, server: $0.description) }
        }
    }
}
