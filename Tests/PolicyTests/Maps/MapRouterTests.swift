import Lookup
import Policy
import Ring
import Telemetry
import Testing
import Wire

/// What a list of maps comes to.
@Suite struct MapRouterTests {
    /// Answers by a table; what is not in it is missing.
    private final class TableMap: Map {
        let name: String
        let answers: [String: MapAnswer]
        let reach: MapReach

        init(_ name: String, _ answers: [String: MapAnswer], naming upstreams: Set<String>? = nil) {
            (self.name, self.answers) = (name, answers)
            reach = MapReach(upstreams: upstreams, servers: nil)
        }

        func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer {
            answers[String(decoding: key.text, as: UTF8.self)] ?? .missing
        }
    }

    /// Never answers until it is taken back.
    private final class SilentMap: Map {
        let name = "silent"
        private let ring: Ring

        init(_ ring: Ring) { self.ring = ring }

        func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer {
            let alarm = Alarm()
            await cancellation.whileWatched({ alarm.turnOff() }) { await alarm.sleep(on: ring, until: .never) }
            return .failed
        }
    }

    private static func found(_ server: String, _ verifies: Bool? = nil) -> MapAnswer {
        .found(MapEntry(server: Array(server.utf8), verifiesTLS: verifies))
    }

    /// The first map knows some servers, the second an upstream for a domain.
    private static func steps(last: MapRouter.Step? = nil) -> [MapRouter.Step] {
        let first = TableMap(
            "first",
            [
                "a@example.com": found("192.0.2.1:2525", true), "b@example.com": found("rub bish"),
                "c@example.com": .failed, "d@example.com": found("mailboxes"), "": .failed,
            ])
        let second = TableMap("second", ["example.com": found("mailboxes"), "example.net": found("mx.example.net")])
        let keys = MapKeys(delimiter: UInt8(ascii: "+"))
        return [.map(first, keys: keys, settings: "backend"), .map(second, keys: keys, settings: nil)]
            + (last.map { [$0] } ?? [])
    }

    private func route(_ recipient: String, fallback: Bool = false) async throws -> Route {
        let log = try Log(.standardError, format: .text, level: .error)
        defer { log.close() }
        return try await onShard { shard in
            let steps = Self.steps(last: fallback ? .upstream("rest") : nil)
            let router = MapRouter(steps, upstreams: ["backend", "mailboxes", "rest"], on: shard.ring, log)
            let facts = sessionFacts()
            facts.candidate = EnvelopePath(command: [], address: Array(recipient.utf8))
            return await router.route(facts, cancellation: Cancellation())
        }
    }

    private static let server = ServerAddress.socket(SocketAddress(octets: [192, 0, 2, 1], port: 2525))

    @Test func theFirstThatKnowsSomethingDecides() async throws {
        let byServer = Destination(upstream: "backend", server: Self.server, verifiesTLS: true, source: "first")
        #expect(try await route("a@example.com") == .to(byServer))
        #expect(try await route("a+detail@example.com") == .to(byServer))
        #expect(try await route("d@example.com") == .to(Destination(upstream: "mailboxes", source: "first")))
        #expect(try await route("x@EXAMPLE.com") == .to(Destination(upstream: "mailboxes", source: "second")))
    }

    @Test func whomNobodyKnowsIsDeniedOrTaken() async throws {
        #expect(try await route("x@example.org") == .refuse(.relayDenied))
        #expect(LocalReply.relayDenied.line == "554 5.7.1 Relay access denied")
        #expect(try await route("x@example.org", fallback: true) == .to(Destination(upstream: "rest")))
    }

    /// Rubbish, no answer, and a server without settings for it.
    @Test(arguments: ["b@example.com", "c@example.com", "x@example.net"])
    func anErrorStopsTheWalk(_ recipient: String) async throws {
        #expect(try await route(recipient, fallback: true) == .unavailable)
    }

    @Test func whatIsTakenBackHasNoAnswer() async throws {
        let log = try Log(.standardError, format: .text, level: .error)
        defer { log.close() }
        let route = try await onShard { shard in
            let router = MapRouter(
                [.map(SilentMap(shard.ring), keys: MapKeys(), settings: nil)], upstreams: [], on: shard.ring, log)
            let facts = sessionFacts()
            facts.candidate = EnvelopePath(command: [], address: Array("a@b".utf8))
            let cancellation = Cancellation()
            let timer = Timer(shard.ring) { cancellation.cancel() }
            timer.deadline = shard.ring.now + .milliseconds(50)
            return await router.route(facts, cancellation: cancellation)
        }
        #expect(route == .unavailable)
    }

    @Test func itKnowsWhereItMayLead() async throws {
        let log = try Log(.standardError, format: .text, level: .error)
        defer { log.close() }
        try await onShard { shard in
            let ring = shard.ring
            let router = { (steps: [MapRouter.Step]) in
                MapRouter(steps, upstreams: ["a", "b", "c"], on: ring, log)
            }
            let file = MapRouter.Step.map(TableMap("file", [:], naming: ["b"]), keys: MapKeys(), settings: "a")
            let database = MapRouter.Step.map(TableMap("db", [:]), keys: MapKeys(), settings: nil)
            let logins = MapRouter.Step.map(TableMap("logins", [:]), keys: MapKeys([.login]), settings: nil)
            #expect(router([file]).reach?.upstreams == ["a", "b"] && router([file]).leadsApart)
            #expect(router([database]).reach?.upstreams == ["a", "b", "c"])
            #expect(router([.upstream("c")]).reach?.upstreams == ["c"] && !router([.upstream("c")]).leadsApart)
            #expect(!router([logins, .upstream("a")]).leadsApart)
        }
    }
}
