import Lookup
import Policy
import Relay
import Ring
import TestSupport
import Wire

/// Leads to what the test says it may lead to.
final class FixedRouter: Router {
    /// What it may lead to; the test can have it be something else.
    final class Reach: Sendable {
        private let held: Locked<RouterReach?>

        init(_ reach: RouterReach?) { held = Locked(reach) }

        convenience init(servers: [SocketAddress], verifiesTLS: Bool? = nil) {
            self.init(RouterReach(servers: servers, verifiesTLS: verifiesTLS))
        }

        var now: RouterReach? { held.withLock { $0 } }

        func become(_ reach: RouterReach?) { held.withLock { $0 = reach } }
    }

    private let held: Reach
    private let decide: @Sendable (SessionFacts) -> Route

    init(_ reach: Reach, _ decide: @escaping @Sendable (SessionFacts) -> Route = { _ in .unknown }) {
        held = reach
        self.decide = decide
    }

    convenience init(_ upstreams: Set<String>?, servers: Set<Destination>? = []) {
        self.init(Reach(upstreams.map { RouterReach(upstreams: $0, servers: servers) }))
    }

    var reach: RouterReach? { held.now }

    func route(_ facts: SessionFacts, cancellation: Cancellation) async -> Route { decide(facts) }
}

extension RouterReach {
    /// These servers and nothing else, with the settings of the one upstream that there is.
    convenience init(servers: [SocketAddress], verifiesTLS: Bool? = nil) {
        let all = servers.map {
            Destination(upstream: "backend", server: .socket($0), verifiesTLS: verifiesTLS)
        }
        self.init(upstreams: [], servers: Set(all))
    }
}

extension ListenerPolicies {
    init(router: any Router) {
        self.init()
        self.router = router
    }
}

extension Servers {
    /// As the next server that is probed: answers to EHLO.
    func answerProbe(_ relay: TestRelay, _ capabilities: [String]) throws {
        try accept(relay).peer.answerProbe(capabilities)
    }
}

extension Peer {
    /// As a server that is probed.
    func answerProbe(_ capabilities: [String], verb: String = "EHLO") throws {
        try send(Dialogue.greeting)
        try answer("\(verb) relay.example", Peer.ehloReply(capabilities))
        try expect("QUIT\r\n")
    }

    /// As a client: says EHLO, and tells what is listed.
    func offers() throws -> [String] {
        try send("EHLO client.example\r\n")
        return try offered()
    }

    func offered() throws -> [String] {
        var lines: [String] = []
        repeat { lines.append(try line()) } while lines[lines.count - 1].hasPrefix("250-")
        guard lines[0] == "250-relay.example" else { throw Failure(description: "got \(lines)") }
        return lines.dropFirst().map { String($0.dropFirst(4)) }
    }
}
