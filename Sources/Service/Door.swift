import Relay
import Ring
import Telemetry

/// A listening socket on one shard, and the listener to which its connections go. That one may change: the socket
/// goes on accepting meanwhile, so that a reload neither refuses nor loses a connection.
///
/// Not Sendable; lives on its shard.
final class Door {
    /// What a door is about.
    struct Plan: Sendable {
        let socket: ListeningSocket
        let listener: ListenerID
        /// The listener's name.
        let name: String
        /// All shards accept from the socket: what they accept is shared out.
        let isShared: Bool
    }

    private(set) var plan: Plan
    private var acceptor: Acceptor?
    private var pauses = Recurrence()

    init(_ plan: Plan) {
        self.plan = plan
    }

    /// Begins to accept.
    ///
    /// - Parameter accepted: gets each connection, with the plan that holds at that moment.
    func open(on shard: isolated Shard, log: Log, accepted: @escaping (Int32, Plan) -> Void) {
        let acceptor = Acceptor(shard.ring, plan.socket) { descriptor in
            accepted(descriptor, self.plan)
        } paused: { errno in
            guard let pauses = self.pauses.told(at: .current()) else { return }
            log.warning(
                "accepting pauses: \(systemErrorText(errno)); raise LimitNOFILE where descriptors are short",
                ["listener": self.plan.name, "pauses": "\(pauses)"])
        }
        self.acceptor = acceptor
        acceptor.start()
    }

    /// Leads elsewhere from now on.
    func lead(to plan: Plan) {
        self.plan = plan
    }

    /// Stops accepting; the socket stays open.
    func close() async {
        await acceptor.take()?.stop()
    }
}
