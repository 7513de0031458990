import Testing

@testable import Telemetry

@Suite struct ExpositionTests {
    private func lines(_ table: CounterTable, _ process: [ProcessSample] = []) -> [Substring] {
        table.exposition(process: process).split(separator: "\n")
    }

    @Test func everySeriesHasItsHelpAndItsTypeOnceAndInOrder() {
        let lines = lines(CounterTable(shardCount: 1))
        #expect(lines.filter { $0.hasPrefix("# HELP ") } == Series.all.map { "# HELP \($0.name) \($0.help)"[...] })
        #expect(
            lines.filter { $0.hasPrefix("# TYPE ") } == Series.all.map { "# TYPE \($0.name) \($0.kind.rawValue)"[...] })
    }

    @Test func everySampleStandsBehindItsSeriesWithItsLabels() {
        let table = CounterTable(shardCount: 2)
        table.use(.init(listeners: [("mx", "in")], servers: [("u", "s")], maps: ["m"]))
        let counters = table.counters(statPrefix: "in", shard: 1)
        for family in CounterFamily.allCases { counters.add(family, reason: "r") }
        counters.add(MessageRoute(source: "m", upstream: "u", outcome: .accepted))
        let process = ProcessFigure.allCases.map { figure in
            ProcessSample(figure, .whole(1), labels: figure.series.labels.map { _ in "x" })
        }
        var series: Series?
        var seen: Set<String> = []
        for line in lines(table, process) {
            if line.hasPrefix("#") {
                series = Series.all.first { $0.name == line.split(separator: " ")[2] }
                continue
            }
            guard let series else { continue }
            let name = line.prefix { $0 != " " && $0 != "{" }
            let labels = line.matches(of: #/(\w+)="/#).map { String($0.output.1) }.filter { $0 != "le" }
            #expect(labels == series.labels)
            #expect(name == series.name || series.kind == .histogram && name.hasPrefix("\(series.name)_"))
            seen.insert(series.name)
        }
        #expect(seen.count == Series.all.count)
    }

    @Test func shardsAreSummedAndNamesAreThoseOfDashboards() {
        let table = CounterTable(shardCount: 2)
        table.use(.init(listeners: [("mx", "in")]))
        for shard in 0..<2 {
            let counters = table.counters(statPrefix: "in", shard: shard)
            counters.add(.sessions, 3)
            counters.add(.ehlo)
            counters.add(CountedCommand.other)
            counters.raise(.sessionsActive)
        }
        let lines = Set(lines(table))
        for line in [
            #"mailrace_sessions_total{stat_prefix="in"} 6"#, #"smtp_sessions{stat_prefix="in"} 6"#,
            #"mailrace_sessions_active{stat_prefix="in"} 2"#, #"smtpd_connections_active{listener="mx"} 2"#,
            #"smtpd_commands_total{listener="mx",command="EHLO"} 2"#,
            #"smtpd_commands_total{listener="mx",command="other"} 2"#,
        ] {
            #expect(lines.contains(line[...]), "\(line)")
        }
        #expect(Counter.tunnelNames.count == 13)
    }

    @Test func mapsAreShownFromTheStartAndSummedOverShards() {
        let table = CounterTable(shardCount: 2)
        table.use(.init(listeners: [], maps: ["m", "n"]))
        for shard in 0..<2 {
            for value in [MapTally.Value.found, .found, .missing, .fresh] {
                table.tally(map: "m", shard: shard).count(value)
            }
        }
        table.tally(map: "n", shard: 1).count(.failed)
        #expect(
            lines(table).filter { $0.hasPrefix("mailrace_map_") } == [
                #"mailrace_map_lookups_total{map="m",outcome="found"} 4"#,
                #"mailrace_map_lookups_total{map="m",outcome="missing"} 2"#,
                #"mailrace_map_lookups_total{map="m",outcome="failed"} 0"#,
                #"mailrace_map_lookups_total{map="n",outcome="found"} 0"#,
                #"mailrace_map_lookups_total{map="n",outcome="missing"} 0"#,
                #"mailrace_map_lookups_total{map="n",outcome="failed"} 1"#,
                #"mailrace_map_cache_answers_total{map="m",kind="fresh"} 2"#,
                #"mailrace_map_cache_answers_total{map="m",kind="stale"} 0"#,
                #"mailrace_map_cache_answers_total{map="n",kind="fresh"} 0"#,
                #"mailrace_map_cache_answers_total{map="n",kind="stale"} 0"#,
            ])
        // For the log.
        let text = table.text().split(separator: "\n")
        #expect(text.contains(#"map_lookups{map="m",outcome="found"} 4"#))
        #expect(text.contains(#"map_cache_answers{map="m",kind="fresh"} 2"#))
    }

    @Test func aMapThatComesBackGoesOnWhereItStood() {
        let table = CounterTable(shardCount: 1)
        table.use(.init(listeners: [], maps: ["m"]))
        table.tally(map: "m", shard: 0).count(.found)
        table.use(.init(listeners: []))
        table.use(.init(listeners: [], maps: ["m"]))
        table.tally(map: "m", shard: 0).count(.found)
        #expect(lines(table).contains(#"mailrace_map_lookups_total{map="m",outcome="found"} 2"#))
    }

    @Test func whatWouldEndALabelIsEscaped() {
        #expect(Exposition.escaped("a\"b\\c\nd\u{e9}") == "a\\\"b\\\\c\\nd\u{e9}")
        let table = CounterTable(shardCount: 1)
        table.counters(statPrefix: "\"} 1\n", shard: 0).add(.sessions)
        #expect(lines(table).contains(#"mailrace_sessions_total{stat_prefix="\"} 1\n"} 1"#))
    }

    @Test(arguments: [
        (ExpositionValue.whole(7), "7"), (.nanoseconds(0), "0"), (.nanoseconds(1), "0.000000001"),
        (.nanoseconds(2_500_000_000), "2.5"), (.nanoseconds(60_000_000_000), "60"),
        (.nanoseconds(1_000_000), "0.001"), (.whole(.max), "18446744073709551615"),
    ])
    func numbersAreWritten(_ value: ExpositionValue, _ text: String) {
        #expect(value.text == text)
    }
}

@Suite struct HistogramTests {
    @Test(arguments: Histogram.allCases) func aTimeGoesIntoTheBucketWhoseEndItDoesNotPass(_ histogram: Histogram) {
        for (index, bound) in histogram.bounds.enumerated() {
            let counters = Counters()
            let end = histogram.unit == .time ? bound * 1_000_000 : bound
            counters.count(end, in: histogram)
            counters.count(end + 1, in: histogram)
            let value = counters.value(of: histogram)
            #expect(value.counts[index] == 1 && value.counts[index + 1] == 1 && value.total == 2)
            #expect(value.sum == end * 2 + 1)
        }
    }

    @Test(arguments: Histogram.allCases) func aHistogramMovesAlone(_ histogram: Histogram) {
        let counters = Counters()
        counters.count(0, in: histogram)
        counters.count(.max / 2, in: histogram)
        for other in Histogram.allCases { #expect(counters.value(of: other).total == (other == histogram ? 2 : 0)) }
        #expect(counters.value(of: histogram).counts.first == 1 && counters.value(of: histogram).counts.last == 1)
    }

    @Test(arguments: Histogram.allCases) func boundsAscend(_ histogram: Histogram) {
        #expect(histogram.bounds.count == Histogram.boundCount)
        #expect(zip(histogram.bounds, histogram.bounds.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test func bucketsAreCumulativeAndEndWithAll() {
        let table = CounterTable(shardCount: 2)
        for shard in 0..<2 {
            let counters = table.counters(statPrefix: "mx", shard: shard)
            counters.add(.commandDuration, nanoseconds: 1_500_000)
            counters.add(.commandDuration, nanoseconds: 400_000_000_000)
        }
        let lines = table.exposition(process: []).split(separator: "\n")
            .filter { $0.hasPrefix("mailrace_command_duration_seconds") }
        #expect(lines.first == #"mailrace_command_duration_seconds_bucket{stat_prefix="mx",le="0.001"} 0"#)
        #expect(lines.contains(#"mailrace_command_duration_seconds_bucket{stat_prefix="mx",le="0.002"} 2"#))
        #expect(lines.contains(#"mailrace_command_duration_seconds_bucket{stat_prefix="mx",le="300"} 2"#))
        #expect(
            lines.suffix(3) == [
                #"mailrace_command_duration_seconds_bucket{stat_prefix="mx",le="+Inf"} 4"#,
                #"mailrace_command_duration_seconds_sum{stat_prefix="mx"} 800.003"#,
                #"mailrace_command_duration_seconds_count{stat_prefix="mx"} 4"#,
            ])
    }

    @Test func sizesAreShownInBytes() {
        let table = CounterTable(shardCount: 1)
        table.counters(statPrefix: "mx", shard: 0).add(.messageSize, bytes: 1025)
        let lines = table.exposition(process: []).split(separator: "\n")
            .filter { $0.hasPrefix("mailrace_message_size_bytes") }
        #expect(lines.first == #"mailrace_message_size_bytes_bucket{stat_prefix="mx",le="1024"} 0"#)
        #expect(lines.contains(#"mailrace_message_size_bytes_bucket{stat_prefix="mx",le="52428800"} 1"#))
        #expect(lines.contains(#"mailrace_message_size_bytes_sum{stat_prefix="mx"} 1025"#))
    }
}

extension Counters {
    /// - Parameter amount: nanoseconds or bytes.
    fileprivate func count(_ amount: UInt64, in histogram: Histogram) {
        switch histogram.unit {
        case .time: add(histogram, nanoseconds: amount)
        case .bytes: add(histogram, bytes: amount)
        }
    }
}
