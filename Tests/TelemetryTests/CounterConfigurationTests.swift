import Testing

@testable import Telemetry

/// What is shown of listeners and servers that come, go and change their names.
@Suite struct CounterConfigurationTests {
    private let table = CounterTable(shardCount: 1)

    /// The values of a series by the label's.
    private func shown(_ series: String, by label: String) -> [String: String] {
        let samples = table.exposition(process: []).split(separator: "\n").filter { $0.hasPrefix("\(series){") }
        return Dictionary(
            samples.map { sample in
                let start = sample.firstRange(of: "\(label)=\"")?.upperBound ?? sample.endIndex
                return (String(sample[start...].prefix { $0 != "\"" }), String(sample.split(separator: " ").last ?? ""))
            }, uniquingKeysWith: { "\($0) and \($1)" })
    }

    private func connect(_ statPrefix: String, times: UInt64) {
        table.counters(statPrefix: statPrefix, shard: 0).add(.downstreamCxTotal, times)
    }

    private var connections: [String: String] { shown("smtpd_connections_total", by: "listener") }

    // MARK: Listeners

    @Test func aListenerIsShownByItsNameOfNow() {
        table.use(.init(listeners: [("a", "pa"), ("b", "pb")]))
        connect("pa", times: 3)
        connect("pb", times: 1)
        #expect(connections == ["a": "3", "b": "1"])
        table.use(.init(listeners: [("a", "pb"), ("b", "pa")]))
        #expect(connections == ["a": "1", "b": "3"])
        table.use(.init(listeners: [("c", "pa")]))
        #expect(connections == ["a": "1", "c": "3"])
    }

    @Test func aListenerThatTakesItsFormerPrefixAgainGoesOnWithIt() {
        table.use(.init(listeners: [("a", "pa")]))
        connect("pa", times: 3)
        table.use(.init(listeners: [("a", "pc")]))
        connect("pc", times: 1)
        #expect(connections == ["a": "1"])
        table.use(.init(listeners: [("a", "pa")]))
        connect("pa", times: 2)
        #expect(connections == ["a": "5"])
        #expect(shown("mailrace_downstream_cx_total", by: "stat_prefix") == ["pa": "5", "pc": "1"])
    }

    @Test func aListenerThatHasGoneKeepsItsNameUntilAnotherHasIt() {
        table.use(.init(listeners: [("a", "pa"), ("b", "pb")]))
        connect("pb", times: 2)
        table.use(.init(listeners: [("a", "pa")]))
        #expect(connections == ["a": "0", "b": "2"])
        table.use(.init(listeners: [("b", "pa")]))
        #expect(connections == ["b": "0"])
    }

    // MARK: Servers

    private var up: [String: String] { shown("mailrace_upstream_server_up", by: "server") }
    private var open: [String: String] { shown("mailrace_upstream_server_connections", by: "server") }

    @Test func aServerThatHasGoneIsNotShownAsDown() {
        table.use(.init(listeners: [], servers: [("u", "s"), ("u", "t")]))
        #expect(up == ["s": "0", "t": "0"])
        let tally = table.tally(upstream: "u", server: "s")
        tally.raiseUp()
        #expect(up == ["s": "1", "t": "0"])
        table.use(.init(listeners: [], servers: [("u", "t")]))
        tally.lowerUp()
        #expect(up == ["t": "0"] && open == ["t": "0"])
        table.use(.init(listeners: [], servers: [("v", "t")]))
        #expect(shown("mailrace_upstream_server_up", by: "upstream") == ["v": "0"])
    }

    @Test func aServerThatHasGoneIsShownUntilItsLastConnectionHasEnded() {
        table.use(.init(listeners: [], servers: [("u", "s")]))
        let tally = table.tally(upstream: "u", server: "s")
        #expect(tally.tryTake(max: 0))
        table.use(.init(listeners: []))
        #expect(up.isEmpty && open == ["s": "1"])
        tally.giveBack()
        #expect(open.isEmpty)
    }

    @Test func aServerThatComesBackGoesOnWhileItsConnectionsAreThere() {
        table.use(.init(listeners: [], servers: [("u", "s")]))
        let tally = table.tally(upstream: "u", server: "s")
        #expect(tally.tryTake(max: 1))
        for _ in 0..<3 { table.use(.init(listeners: [])) }
        table.use(.init(listeners: [], servers: [("u", "s")]))
        #expect(!table.tally(upstream: "u", server: "s").tryTake(max: 1))
    }

    @Test func serversThatHaveGoneTakeNoMemory() {
        for round in 0..<100 { table.use(.init(listeners: [], servers: [("u", "server \(round)")])) }
        #expect(table.all.servers.map(\.tally.server) == ["server 99"])
    }
}
