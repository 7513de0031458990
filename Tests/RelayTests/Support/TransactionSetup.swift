import Lookup
import Policy
import Relay
import Ring
import TestSupport
import Wire

extension Setup {
    /// A listener where each transaction goes its own way.
    static func transactions(
        _ starttls: ListenerSettings.StartTLSPolicy = .off, _ change: (inout Setup) -> Void = { _ in }
    ) -> Setup {
        .envelope(starttls) { setup in
            setup.envelope.transactions = TransactionSettings()
            setup.upstream.retries = 0
            // Each session has its own connection, and tells it when it leaves.
            setup.upstream.reuse.idleConnectionsMax = 0
            change(&setup)
        }
    }

    var transactions: TransactionSettings {
        get { listener.envelope?.transactions ?? TransactionSettings() }
        set { listener.envelope?.transactions = newValue }
    }

    /// Recipients go to the servers by the first letter of their address: `a` to the first.
    mutating func route(to servers: [SocketAddress]) {
        let servers = servers.map { ServerAddress.socket($0) }
        route { facts in
            guard let letter = facts.candidate?.address.first, letter >= UInt8(ascii: "a") else { return .unknown }
            let place = Int(letter - UInt8(ascii: "a"))
            guard place < servers.count else { return .unknown }
            return .to(Destination(upstream: "backend", server: servers[place], source: "letters"))
        }
    }

    mutating func route(by decide: @escaping @Sendable (SessionFacts) -> Route) {
        let others = policies
        policies = {
            var policies = others($0)
            policies.router = ScriptedRouter(decide)
            return policies
        }
    }

    /// What clients are offered is what an upstream may turn out to lack.
    mutating func offerEverything() {
        envelope.capabilities = [
            "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "BINARYMIME", "REQUIRETLS", "DELIVERBY", "MT-PRIORITY",
        ]
    }
}

private final class ScriptedRouter: Router {
    private let decide: @Sendable (SessionFacts) -> Route

    init(_ decide: @escaping @Sendable (SessionFacts) -> Route) { self.decide = decide }

    func route(_ facts: SessionFacts, cancellation: Cancellation) async -> Route { decide(facts) }
}

/// What is said in transactions, and what a server sees of them.
enum Said {
    static let mail = "MAIL FROM:<s@example.org>"
    static let rcpt = "RCPT TO:<a@example.com>"
    static let startData = "354 End data with <CR><LF>.<CR><LF>"
    static let body = "Subject: x\r\n\r\ntext\r\n"
    static let end = ".\r\n"
}

extension TestRelay {
    /// A client whose first recipient has been taken, and the upstream that has taken it.
    func transaction(
        _ capabilities: [String] = [], mail: String = Said.mail, passedAs: String? = nil, rcpt: String = Said.rcpt
    ) throws -> (client: Peer, upstream: Peer) {
        let client = try introducedClient()
        try client.ask(mail, "250 2.1.0 Ok")
        try client.send(rcpt + "\r\n")
        let upstream = try introducedUpstream(capabilities)
        try upstream.takeEnvelope(passedAs ?? mail, rcpt: rcpt, isPipelined: capabilities.contains("PIPELINING"))
        try client.expect("250 2.1.5 recipient\r\n")
        return (client, upstream)
    }

    /// As above, with DATA answered by both.
    func data(_ capabilities: [String] = []) throws -> (client: Peer, upstream: Peer) {
        let (client, upstream) = try transaction(capabilities)
        try client.send("DATA\r\n")
        try upstream.answer("DATA", "354 go on")
        try client.expect(Said.startData + "\r\n")
        return (client, upstream)
    }
}

extension Peer {
    /// As the upstream.
    func takeEnvelope(_ mail: String = Said.mail, rcpt: String = Said.rcpt, isPipelined: Bool = false) throws {
        if isPipelined {
            try expect("\(mail)\r\n\(rcpt)\r\n")
            try send("250 2.1.0 sender\r\n250 2.1.5 recipient\r\n")
        } else {
            try answer(mail, "250 2.1.0 sender")
            try answer(rcpt, "250 2.1.5 recipient")
        }
    }

    /// As the upstream: takes a message whole, from DATA on.
    func takeMessage(_ body: String = Said.body, _ reply: String = "250 2.0.0 queued as 7") throws {
        try answer("DATA", "354 go on")
        try expect(body + Said.end)
        try send(reply + "\r\n")
    }

    /// As the upstream: the rest of a message whose client has said DATA.
    func takeMessage(from client: Peer) throws {
        try answer("DATA", "354 go on")
        try client.expect(Said.startData + "\r\n")
        try client.send(Said.body + Said.end)
        try expect(Said.body + Said.end)
        try send("250 ok\r\n")
        try client.expect("250 ok\r\n")
    }
}
