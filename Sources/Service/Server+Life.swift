import CLinux
import Relay
import Ring
import Settings
import Telemetry

// What happens while the server runs, one thing after the other, on the main thread.
extension Server {
    func serve() -> Outcome {
        var drainedShards = 0
        while true {
            vitality.noteMainIdle()
            let event = events.next()
            vitality.noteMainBusy(at: .current())
            switch event {
            case .termination(let number):
                guard !isDraining else { return .stopped(number) }
                abandonUpgrade()
                drain()
            case .shardDrained:
                drainedShards += 1
                if drainedShards == fleet.count { return .drained }
            case .reopenLog:
                log.reopen()
                transcripts.reopen()
                logCounters()
            case .reload(let answers):
                let report =
                    isDraining
                    ? .ending : upgrade == nil ? reportedReload() : .unavailable(["an upgrade is under way"])
                for answer in answers { answer.give(report) }
            case .upgrade(let answers): beginUpgrade(answers)
            case .upgradeEnded(let outcome): endUpgrade(outcome)
            case .filesChanged: if !isDraining, upgrade == nil { reloadFiles() }
            case .sessionsEmptied: linux_trim_heap()
            }
        }
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
        reporter.enter(.draining(until: deadline))
        fleet.begin { [events] local, shard in
            await local.drain(until: deadline, gently: gently, on: shard)
            events.noteShardDrained()
        }
    }

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
