import Glibc
import Lookup
import Ring
import Telemetry
import TestSupport
import Testing
import Wire

@testable import Policy

/// What a list of maps can lead to, which decides about what clients are offered.
@Suite struct MapReachTests {
    private final class Blank: Map {
        let name = "blank"
        var reach: MapReach

        init(_ upstreams: Set<String>?, _ servers: Set<MapServer>?) {
            reach = MapReach(upstreams: upstreams, servers: servers)
        }

        func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer { .missing }
    }

    private final class OtherRouter: Router {
        var reach: RouterReach?

        init(_ reach: RouterReach?) { self.reach = reach }

        func route(_ facts: SessionFacts, cancellation: Cancellation) async -> Route { .unknown }
    }

    private static let one = ServerAddress.host("mx.example.com", port: 25)
    private static let other = ServerAddress.host("mx.example.net", port: 25)

    private static func hosts(_ count: Int, _ domain: String = "example.com") -> Set<MapServer> {
        Set((0..<count).map { MapServer(.host("\($0).\(domain)", port: 25)) })
    }

    private static func withRouter(
        _ steps: @escaping @Sendable () -> [MapRouter.Step], _ body: @escaping @Sendable (MapRouter) -> Void
    ) async throws {
        let log = try LogPipe(level: .debug)
        try await onShard { [log = log.log] shard in
            body(MapRouter(steps(), upstreams: ["a", "b", "c"], on: shard.ring, log))
        }
        log.log.close()
    }

    private static func check(
        _ steps: @escaping @Sendable () -> [MapRouter.Step], _ upstreams: Set<String>, _ servers: Set<Destination>?,
        leadsApart: Bool
    ) async throws {
        try await withRouter(steps) { router in
            let reach = router.reach
            #expect(reach?.upstreams == upstreams && reach?.servers == servers)
            #expect(reach?.settings == Set((servers ?? []).map(\.upstream)))
            #expect(router.leadsApart == leadsApart)
        }
    }

    @Test func anUpstreamIsAllThereIs() async throws {
        try await Self.check({ [.upstream("a")] }, ["a"], [], leadsApart: false)
    }

    @Test func aMapLeadsToWhatStandsInIt() async throws {
        try await Self.check(
            { [.map(Blank(["a"], [MapServer(Self.one)]), keys: MapKeys(), settings: nil), .upstream("b")] },
            ["a", "b"], [], leadsApart: true)
        try await Self.check(
            { [.map(Blank(nil, nil), keys: MapKeys([.login]), settings: nil)] },
            ["a", "b", "c"], [], leadsApart: false)
    }

    @Test func serversOfItsOwnAreDealtWithAsOneUpstreamSays() async throws {
        try await Self.check(
            { [.map(Blank(["a"], nil), keys: MapKeys(), settings: "c")] }, ["a", "c"], nil, leadsApart: true)
        try await Self.check(
            { [.map(Blank(["a"], []), keys: MapKeys(), settings: "c")] }, ["a"], [], leadsApart: true)
        let servers: Set = [MapServer(Self.one), MapServer(Self.one, verifiesTLS: true), MapServer(Self.other)]
        try await Self.check(
            { [.map(Blank(["a"], servers), keys: MapKeys(), settings: "c")] }, ["a"],
            [
                Destination(upstream: "c", server: Self.one),
                Destination(upstream: "c", server: Self.one, verifiesTLS: true),
                Destination(upstream: "c", server: Self.other),
            ], leadsApart: true)
    }

    /// The same server with other settings is another.
    @Test func severalMapsAreTakenTogether() async throws {
        let servers: Set = [MapServer(Self.one)]
        try await Self.check(
            {
                [
                    .map(Blank([], servers), keys: MapKeys(), settings: "a"),
                    .map(Blank(["b"], servers), keys: MapKeys(), settings: "c"),
                ]
            }, ["b"],
            [Destination(upstream: "a", server: Self.one), Destination(upstream: "c", server: Self.one)],
            leadsApart: true)
        try await Self.check(
            {
                [
                    .map(Blank([], servers), keys: MapKeys(), settings: "a"),
                    .map(Blank([], nil), keys: MapKeys(), settings: "c"),
                ]
            }, ["a", "c"], nil, leadsApart: true)
    }

    @Test func serversBeyondANumberAreUnknown() async throws {
        try await Self.withRouter {
            [.map(Blank([], Self.hosts(64)), keys: MapKeys(), settings: "a")]
        } _: {
            #expect($0.reach?.servers?.count == 64 && $0.reach?.upstreams == [])
        }
        try await Self.check(
            {
                [
                    .map(Blank([], Self.hosts(40)), keys: MapKeys(), settings: "a"),
                    .map(Blank([], Self.hosts(25, "example.net")), keys: MapKeys(), settings: "b"),
                ]
            }, ["a", "b"], nil, leadsApart: true)
    }

    /// Whoever asks need not look at it again.
    @Test func whatIsTheSameIsTheSameObject() async throws {
        try await Self.withRouter {
            []
        } _: {
            #expect($0.reach === $0.reach)
        }
        let log = try LogPipe(level: .debug)
        try await onShard { [log = log.log] shard in
            let map = Blank(["a"], [])
            let router = MapRouter(
                [.map(map, keys: MapKeys(), settings: "a")], upstreams: ["a"], on: shard.ring, log)
            let own = OtherRouter(RouterReach(upstreams: ["own"]))
            let chain = RouterChain([own, router])
            let (first, firstOfAll) = (router.reach, chain.reach)
            #expect(router.reach === first && chain.reach === firstOfAll && firstOfAll?.upstreams == ["a", "own"])
            map.reach = MapReach(upstreams: [], servers: [MapServer(Self.one)])
            #expect(router.reach !== first && chain.reach !== firstOfAll)
            #expect(chain.reach?.upstreams == ["own"])
            #expect(chain.reach?.servers == [Destination(upstream: "a", server: Self.one)])
            own.reach = nil
            #expect(chain.reach == nil)
        }
        log.log.close()
    }

    private func table(_ text: String) throws -> CSVTable {
        var builder = CSVBuilder(CSVRules(subject: .recipient, upstreams: ["a"]))
        try builder.add(Array("key;server\n\(text)".utf8).span)
        try builder.finish()
        return CSVTable(builder)
    }

    @Test(
        arguments: [
            ("k;a\n", ["a"], []), ("", [], []), ("k;a\nx;192.0.2.1\n", ["a"], ["192.0.2.1:25"]),
            // However it is written.
            (
                "k;mx.example.com\nx;MX.example.com:25\nx;mx.example.com:26", [],
                ["mx.example.com:25", "mx.example.com:26"]
            ),
            // What is lost on its way counts: nobody looks for the last line of each key.
            ("k;192.0.2.1\nk;a\n", ["a"], ["192.0.2.1:25"]),
        ] as [(String, Set<String>, Set<String>)])
    func aFileTellsWhichServersStandInIt(_ text: String, _ upstreams: Set<String>, _ servers: Set<String>) throws {
        let reach = try table(text).reach
        #expect(reach.upstreams == upstreams)
        #expect(Set(try #require(reach.servers).map(\.address.description)) == servers)
    }

    @Test func aFileTellsWhoseCertificateMustBeValid() throws {
        let reach = try table("k;192.0.2.1;true\nx;192.0.2.1\ny;192.0.2.1;yes\nz;192.0.2.1;no\n").reach
        #expect(Set(try #require(reach.servers).map(\.verifiesTLS)) == [true, nil, false])
        #expect(reach.servers?.count == 3)
    }

    @Test func aFileOfManyServersTellsNone() throws {
        // More lines than servers.
        let rows = (0..<200).map { "\($0)@example.com;192.0.2.\($0 % 64)\n" }.joined()
        #expect(try table(rows).reach.servers?.count == 64)
        let more = try table(rows + "k;a\nx;192.0.2.64\n")
        #expect(more.reach.servers == nil && more.reach.upstreams == ["a"])
    }
}
