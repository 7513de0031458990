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
        let upstreamsNamed: Set<String>?
        let namesServers: Bool

        init(_ upstreams: Set<String>?, namesServers: Bool) {
            upstreamsNamed = upstreams
            self.namesServers = namesServers
        }

        func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer { .missing }
    }

    private static func check(
        _ steps: @escaping @Sendable () -> [MapRouter.Step], _ upstreams: Set<String>, namesServers: Bool,
        leadsApart: Bool
    ) async throws {
        let log = try LogPipe(level: .debug)
        try await onShard { [log = log.log] shard in
            let router = MapRouter(steps(), upstreams: ["a", "b", "c"], on: shard.ring, log)
            #expect(router.upstreams == upstreams)
            #expect(router.namesServers == namesServers)
            #expect(router.leadsApart == leadsApart)
        }
        log.log.close()
    }

    @Test func anUpstreamIsAllThereIs() async throws {
        try await Self.check({ [.upstream("a")] }, ["a"], namesServers: false, leadsApart: false)
    }

    @Test func aMapLeadsToWhatStandsInIt() async throws {
        try await Self.check(
            { [.map(Blank(["a"], namesServers: true), keys: MapKeys(), settings: nil), .upstream("b")] },
            ["a", "b"], namesServers: false, leadsApart: true)
        try await Self.check(
            { [.map(Blank(nil, namesServers: true), keys: MapKeys([.login]), settings: nil)] },
            ["a", "b", "c"], namesServers: false, leadsApart: false)
    }

    @Test func serversOfItsOwnAreDealtWithAsOneUpstreamSays() async throws {
        try await Self.check(
            { [.map(Blank(["a"], namesServers: true), keys: MapKeys(), settings: "c")] },
            ["a", "c"], namesServers: true, leadsApart: true)
        try await Self.check(
            { [.map(Blank(["a"], namesServers: false), keys: MapKeys(), settings: "c")] },
            ["a"], namesServers: false, leadsApart: true)
    }

    @Test(arguments: [("k;a\n", false), ("k;a\nx;192.0.2.1\n", true), ("", false)])
    func aFileTellsWhetherServersStandInIt(_ text: String, _ namesServers: Bool) throws {
        var builder = CSVBuilder(CSVRules(subject: .recipient, upstreams: ["a"]))
        try builder.add(Array("key;server\n\(text)".utf8).span)
        try builder.finish()
        let table = CSVTable(builder)
        #expect(table.namesServers == namesServers)
        #expect(table.upstreamsNamed == (text.isEmpty ? [] : ["a"]))
    }
}
