import Glibc
import Relay
import Ring
import Settings
import Telemetry

// Another process takes this one's place: it gets all listening sockets, and this one ends after its sessions.
extension Server {
    func beginUpgrade(_ answers: [RequestAnswer]) {
        func refuse(_ reason: String) {
            log.error("no upgrade: \(reason)")
            for answer in answers { answer.give(.unavailable([reason])) }
        }
        guard !isDraining else { return answers.forEach { $0.give(.ending) } }
        guard upgrade == nil else { return refuse("another one is under way") }
        guard let program else { return refuse("the program's path is not known") }
        reporter.enter(.upgrading)
        do throws(Upgrade.Failure) {
            let upgrade = try Upgrade(program, handover) { [events] in events.noteUpgradeEnded($0) }
            self.upgrade = (upgrade, answers)
            log.info("upgrade begun", ["program": program.path, "process": "\(upgrade.process)"])
        } catch {
            reporter.enter(.serving)
            refuse(error.reason)
        }
    }

    func endUpgrade(_ outcome: UpgradeOutcome) {
        guard let (upgrade, answers) = upgrade.take() else { return }
        upgrade.join()
        switch outcome {
        case .serving(let process, let unclaimed):
            log.info("another process serves now", ["process": "\(process)"])
            successor = upgrade
            leaveAdmin(unclaimed)
            leave(to: process, over: upgrade, unclaimed) {
                for answer in answers { answer.give(.done(["process: \(process)"], warnings: [])) }
            }
        case .failed(let reasons, let isConfiguration):
            for reason in reasons { log.error("no upgrade: \(reason)") }
            let report: RequestReport = isConfiguration ? .refused(reasons) : .unavailable(reasons)
            for answer in answers { answer.give(report) }
            reporter.enter(.serving)
            makeUpForMissed()
        }
    }

    /// Gives up an upgrade, because this process is told to end.
    func abandonUpgrade() {
        guard let (upgrade, answers) = upgrade.take() else { return }
        upgrade.abandon()
        // It may have begun to serve in this very moment.
        if case .serving(let process, _) = events.takeUpgradeOutcome() { kill(process, SIGTERM) }
        for answer in answers { answer.give(.ending) }
    }

    private var handover: Handover {
        var handover = Handover()
        for binding in state.bindings.all {
            let name = binding.place.listener
            handover.items.append(
                binding.isHandedIn
                    ? .init(kind: .handed, name: name, sockets: binding.sockets)
                    : .init(kind: .listener, name: name, place: binding.place, sockets: binding.sockets))
        }
        for (name, socket) in processSockets {
            handover.items.append(.init(kind: .process, name: name, sockets: [socket]))
        }
        return handover
    }

    /// The sockets of the process as a whole that go over to the next one, by name.
    private var processSockets: [(name: String, socket: ListeningSocket)] {
        let sockets = [("control", control?.socket), ("admin", admin?.socket)]
        return sockets.compactMap { name, socket in socket.map { (name, $0) } }
    }

    private func leaveAdmin(_ unclaimed: Set<Int32>) {
        guard let admin, !unclaimed.contains(admin.socket.descriptor) else { return }
        admin.close(closesSocket: false)
        admin.socket.leave()
        self.admin = nil
    }

    /// The other process accepts already, from the same sockets: who waits in their queues gets there.
    ///
    /// - Parameter answering: answers who has asked for the upgrade, as the thread of the control socket may.
    private func leave(
        to process: Int32, over upgrade: Upgrade, _ unclaimed: Set<Int32>, answering: () -> Void
    ) {
        func isClaimed(_ socket: ListeningSocket) -> Bool { !unclaimed.contains(socket.descriptor) }
        let left = control.flatMap { isClaimed($0.socket) ? $0 : nil }
        left?.stopTaking()
        answering()
        if let left {
            left.leave()
            control = nil
        }
        // The last word of this process to the manager comes before the first one of the other.
        reporter.handOver(to: process)
        upgrade.sayMain()
        fleet.setDoors([])
        // A connection wakes one of the two processes alone, and may have waked this one just as it stopped.
        fleet.serveLeftovers(of: doors(of: state))
        fleet.close(doors(of: state).filter { !$0.binding.sockets.allSatisfy(isClaimed) })
        for binding in state.bindings.all where !binding.isHandedIn && binding.sockets.allSatisfy(isClaimed) {
            for socket in binding.sockets { socket.leave() }
        }
        beginDrain(gently: true)
    }
}
