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
                drain()
            case .shardDrained:
                drainedShards += 1
                if drainedShards == fleet.count { return .drained }
            case .reopenLog:
                log.reopen()
                transcripts.reopen()
                logCounters()
            case .reload(let answers):
                let report = isDraining ? .ending : reportedReload()
                for answer in answers { answer.give(report) }
            case .filesChanged: if !isDraining { reloadFiles() }
            case .sessionsEmptied: linux_trim_heap()
            }
        }
    }

    private func reportedReload() -> ReloadReport {
        reporter.enter(.reloading)
        defer { reporter.enter(.serving) }
        return reload()
    }

    private func drain() {
        isDraining = true
        board.noteDraining()
        log.info("draining", ["sessions": "\(limits.sessions)"])
        let deadline = Instant.current() + state.loaded.settings.runtime.drainTimeout
        reporter.enter(.draining(until: deadline))
        fleet.setDoors([])
        // Those who are connected already are told, too.
        fleet.close(doors(of: state))
        fleet.begin { [events] local, shard in
            await local.drain(until: deadline, on: shard)
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
