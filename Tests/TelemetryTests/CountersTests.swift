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

@Suite struct CounterFamilyTests {
    @Test(arguments: CounterFamily.allCases) func reasonsAreCountedApart(_ family: CounterFamily) {
        let counters = Counters()
        counters.add(family, reason: "expired")
        counters.add(family, reason: "unknown_ca")
        counters.add(family, reason: "expired")
        for other in CounterFamily.allCases {
            #expect(counters.values(of: other) == (other == family ? ["expired": 2, "unknown_ca": 1] : [:]))
        }
    }

    @Test func tooManyReasonsBecomeOne() {
        let counters = Counters()
        for round in 1...2 {
            for number in 0..<(Counters.reasonsMax + 10) {
                counters.add(.upstreamFailures, reason: "reason_\(number)")
            }
            let values = counters.values(of: .upstreamFailures)
            #expect(values.count == Counters.reasonsMax)
            #expect(values["reason_0"] == UInt64(round))
            #expect(values["other"] == UInt64(11 * round))
        }
        #expect(counters.values(of: .upstreamTLSFailures).isEmpty)
    }
}

@Suite struct CounterTableTests {
    @Test func shardsAreSummed() {
        let table = CounterTable(shardCount: 2)
        table.counters(statPrefix: "mx", shard: 0).add(.sessions, 1)
        table.counters(statPrefix: "mx", shard: 1).add(.sessions, 10)
        table.counters(statPrefix: "submission", shard: 1).add(.sessions, 100)
        for shard in 0..<2 {
            table.counters(statPrefix: "mx", shard: shard).raise(.sessionsActive)
            table.counters(statPrefix: "mx", shard: shard).add(.upstreamFailures, reason: "reset")
        }
        table.counters(statPrefix: "mx", shard: 1).add(.upstreamFailures, reason: "closed")
        #expect(table.total(of: .sessions, statPrefix: "mx") == 11)
        #expect(table.total(of: .sessions, statPrefix: "submission") == 100)
        #expect(table.total(of: .sessions, statPrefix: "none") == 0)
        #expect(table.total(of: .sessions) == 111)
        #expect(table.total(of: .sessionsActive, statPrefix: "mx") == 2)
        #expect(table.totals(of: .upstreamFailures, statPrefix: "mx") == ["reset": 2, "closed": 1])
    }

    @Test func theSameCellsComeBack() {
        let table = CounterTable(shardCount: 3)
        let cells = table.counters(statPrefix: "mx", shard: 2)
        for number in 0..<100 { _ = table.counters(statPrefix: "listener \(number)", shard: 0) }
        #expect(table.counters(statPrefix: "mx", shard: 2) === cells)
        #expect(table.counters(statPrefix: "mx", shard: 1) !== cells)
        let tally = table.tally(upstream: "u", server: "s")
        #expect(table.tally(upstream: "u", server: "s") === tally)
        #expect(table.tally(upstream: "u", server: "t") !== tally)
        #expect(table.tally(upstream: "v", server: "s") !== tally)
    }

    @Test func theTextHasALineForEachNameAndItsLabels() {
        let table = CounterTable(shardCount: 1)
        table.counters(statPrefix: "mx", shard: 0).add(.sessionsBadLine, 7)
        table.counters(statPrefix: "a\"b", shard: 0).raise(.sessionsPassthrough)
        for reason in ["z", "a"] { table.counters(statPrefix: "mx", shard: 0).add(.upstreamFailures, reason: reason) }
        table.tally(upstream: "backend", server: "[::1]:25").countConnect()
        let lines = table.text().split(separator: "\n")
        #expect(
            lines.count == (Counter.allCases.count + Gauge.allCases.count) * 2 + 2 + ServerTally.Value.allCases.count)
        #expect(lines.contains(#"sessions_bad_line{stat_prefix="mx"} 7"#))
        #expect(lines.contains(#"sessions_bad_line{stat_prefix="a\"b"} 0"#))
        #expect(lines.contains(#"sessions_passthrough{stat_prefix="a\"b"} 1"#))
        #expect(lines.contains(#"upstream_server_connects{upstream="backend",server="[::1]:25"} 1"#))
        let failures = lines.filter { $0.hasPrefix("upstream_failures") }
        #expect(
            failures == [
                #"upstream_failures{stat_prefix="mx",reason="a"} 1"#,
                #"upstream_failures{stat_prefix="mx",reason="z"} 1"#,
            ])
    }

    @Test func everyLineIsOfASeriesWithTheseLabels() throws {
        let table = CounterTable(shardCount: 1)
        for family in CounterFamily.allCases { table.counters(statPrefix: "mx", shard: 0).add(family, reason: "r") }
        _ = table.tally(upstream: "u", server: "s")
        let shapes = table.text().split(separator: "\n").map { line in
            line.prefix { $0 != " " }.replacing(#/="[^"]*"/#, with: "")
        }
        let logged =
            Counter.allCases.map { ($0.name, $0.series) } + Gauge.allCases.map { ($0.name, $0.series) }
            + CounterFamily.allCases.map { ($0.name, $0.series) }
            + ServerTally.Value.allCases.map { ($0.name, $0.series) }
        #expect(shapes == logged.map { "\($0){\($1.labels.joined(separator: ","))}"[...] })
    }

    @Test func theTableMayGrowWhileItIsRead() {
        let table = CounterTable(shardCount: 2)
        let writers = (0..<2).map { shard in
            Thread.start(name: "shard \(shard)") {
                for number in 0..<200 { table.counters(statPrefix: "\(number)", shard: shard).add(.sessions) }
            }
        }
        for _ in 0..<20 { _ = table.text() }
        for writer in writers { writer.join() }
        for number in 0..<200 { #expect(table.total(of: .sessions, statPrefix: "\(number)") == 2) }
    }

    @Test func anyThreadMayReadWhileTheShardWrites() {
        let counters = CounterTable(shardCount: 1).counters(statPrefix: "mx", shard: 0)
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
