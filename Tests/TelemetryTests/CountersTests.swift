import Ring
import Testing

@testable import Telemetry

@Suite struct CountersTests {
    @Test(arguments: Counter.allCases) func aCounterMovesAlone(_ counter: Counter) {
        let counters = Counters()
        counters.add(counter)
        counters.add(counter, 41)
        for other in Counter.allCases { #expect(counters.value(of: other) == (other == counter ? 42 : 0)) }
        for gauge in Gauge.allCases { #expect(counters.value(of: gauge) == 0) }
    }

    @Test(arguments: Gauge.allCases) func aGaugeMovesAlone(_ gauge: Gauge) {
        let counters = Counters()
        counters.raise(gauge)
        counters.raise(gauge)
        counters.lower(gauge)
        for other in Gauge.allCases { #expect(counters.value(of: other) == (other == gauge ? 1 : 0)) }
        for counter in Counter.allCases { #expect(counters.value(of: counter) == 0) }
    }

    @Test func aGaugeIsNeverBelowZero() async {
        await #expect(processExitsWith: .failure) {
            Counters().lower(.sessionsActive)
        }
    }

    @Test func namesAreDistinctAndInSnakeCase() {
        let names = Counter.allCases.map(\.name) + Gauge.allCases.map(\.name)
        #expect(Set(names).count == names.count)
        for name in names {
            #expect(name.utf8.allSatisfy { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || "_421".utf8.contains($0) })
        }
        for help in Counter.allCases.map(\.help) + Gauge.allCases.map(\.help) { #expect(help.hasSuffix(".")) }
    }

    /// The names that dashboards made for the filter whose place the tunnel takes already know.
    @Test func theSeedsNamesAreKept() {
        let names = Set(Counter.allCases.map(\.name))
        #expect(
            names.isSuperset(of: [
                "sessions", "sessions_upstream_desync", "sessions_downstream_desync", "sessions_bad_line",
                "sessions_bad_pipeline", "sessions_bad_ehlo", "sessions_non_esmtp", "sessions_esmtp_unencrypted",
                "sessions_downstream_terminated_ssl", "sessions_downstream_ssl_err",
            ]))
    }
}

@Suite struct CounterTableTests {
    @Test func shardsAndListenersOfOnePrefixAreSummed() {
        let table = CounterTable(statPrefixes: ["mx", "submission", "mx"], shardCount: 2)
        table.counters(listener: 0, shard: 0).add(.sessions, 1)
        table.counters(listener: 0, shard: 1).add(.sessions, 10)
        table.counters(listener: 1, shard: 1).add(.sessions, 100)
        table.counters(listener: 2, shard: 0).add(.sessions, 1000)
        table.counters(listener: 2, shard: 0).raise(.sessionsActive)
        table.counters(listener: 0, shard: 1).raise(.sessionsActive)
        #expect(table.total(of: .sessions, statPrefix: "mx") == 1011)
        #expect(table.total(of: .sessions, statPrefix: "submission") == 100)
        #expect(table.total(of: .sessions, statPrefix: "none") == 0)
        #expect(table.total(of: .sessionsActive, statPrefix: "mx") == 2)
    }

    @Test func theSameCellsComeBack() {
        let table = CounterTable(statPrefixes: ["mx"], shardCount: 3)
        #expect(table.counters(listener: 0, shard: 2) === table.counters(listener: 0, shard: 2))
        #expect(table.counters(listener: 0, shard: 2) !== table.counters(listener: 0, shard: 1))
    }

    @Test func theTextHasALineForEachNameAndPrefix() {
        let table = CounterTable(statPrefixes: ["mx", "a\"b", "mx"], shardCount: 1)
        table.counters(listener: 0, shard: 0).add(.sessionsBadLine, 7)
        table.counters(listener: 1, shard: 0).raise(.sessionsPassthrough)
        let lines = table.text().split(separator: "\n")
        #expect(lines.count == (Counter.allCases.count + Gauge.allCases.count) * 2)
        #expect(lines.contains(#"sessions_bad_line{stat_prefix="mx"} 7"#))
        #expect(lines.contains(#"sessions_bad_line{stat_prefix="a\"b"} 0"#))
        #expect(lines.contains(#"sessions_passthrough{stat_prefix="a\"b"} 1"#))
    }

    @Test func anyThreadMayReadWhileTheShardWrites() {
        let counters = CounterTable(statPrefixes: ["mx"], shardCount: 1).counters(listener: 0, shard: 0)
        let rounds: UInt64 = 100_000
        let shard = Thread.start(name: "shard") { for _ in 0..<rounds { counters.add(.sessions) } }
        var seen: UInt64 = 0
        while seen < rounds {
            let now = counters.value(of: .sessions)
            #expect(now >= seen)
            seen = now
        }
        shard.join()
        #expect(counters.value(of: .sessions) == rounds)
    }
}
