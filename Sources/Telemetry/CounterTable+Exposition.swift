extension CounterTable {
    /// The type of `exposition`, for HTTP.
    public static let expositionType = Exposition.contentType

    /// All series for scrapers, in the format of Prometheus and the order of `Series.all`.
    ///
    /// - Parameter process: what is known of the process.
    public func exposition(process: [ProcessSample]) -> String {
        let all = all
        let listeners = all.listeners
        var exposition = Exposition()
        for counter in Counter.allCases { exposition.add(counter, listeners, counter.series) }
        for gauge in Gauge.allCases { exposition.add(gauge, listeners, gauge.series, \.statPrefix) }
        for family in CounterFamily.allCases { exposition.add(family, listeners) }
        exposition.add(MessageRoute.series, routesOf: listeners)
        for histogram in Histogram.allCases {
            exposition.add(histogram, listeners, histogram.series, \.statPrefix)
        }
        for family in MapTally.Family.allCases { exposition.add(family, all.maps) }
        for value in ServerTally.Value.allCases {
            exposition.begin(value.series)
            for tally in all.servers.filter({ $0.shows(value) }).map(\.tally) {
                exposition.add(value.series, [tally.upstream, tally.server], .whole(UInt64(clamping: tally[value])))
            }
        }
        for figure in ProcessFigure.allCases {
            exposition.begin(figure.series)
            for sample in process where sample.figure == figure {
                exposition.add(figure.series, sample.labels, sample.value)
            }
        }
        for counter in Counter.tunnelNames { exposition.add(counter, listeners, counter.tunnelSeries) }
        let named = listeners.filter { $0.name != nil }
        for edge in EdgeSeries.allCases { exposition.add(edge, named) }
        return exposition.text
    }
}

extension CounterTable.Server {
    /// A server that is no longer configured is of interest until its last connection has ended, but nobody is to be
    /// alarmed because it is not up.
    fileprivate func shows(_ value: ServerTally.Value) -> Bool {
        isConfigured || value != .up && tally.connections > 0
    }
}

extension CounterTable.Listener {
    /// The name, of one that has one.
    fileprivate var shownName: String { name ?? statPrefix }
}

extension Exposition {
    fileprivate mutating func add(
        _ counter: Counter, _ listeners: [CounterTable.Listener], _ series: Series,
        _ label: KeyPath<CounterTable.Listener, String> = \.statPrefix
    ) {
        begin(series)
        for listener in listeners { add(series, [listener[keyPath: label]], .whole(listener.total(of: counter))) }
    }

    fileprivate mutating func add(
        _ gauge: Gauge, _ listeners: [CounterTable.Listener], _ series: Series,
        _ label: KeyPath<CounterTable.Listener, String>
    ) {
        begin(series)
        for listener in listeners { add(series, [listener[keyPath: label]], .whole(listener.total(of: gauge))) }
    }

    fileprivate mutating func add(
        _ histogram: Histogram, _ listeners: [CounterTable.Listener], _ series: Series,
        _ label: KeyPath<CounterTable.Listener, String>
    ) {
        begin(series)
        for listener in listeners {
            let value = listener.total(of: histogram)
            add(series, [listener[keyPath: label]], value, of: histogram)
        }
    }

    fileprivate mutating func add(_ family: CounterFamily, _ listeners: [CounterTable.Listener]) {
        begin(family.series)
        for listener in listeners {
            for (reason, count) in listener.totals(of: family) {
                add(family.series, [listener.statPrefix, reason], .whole(count))
            }
        }
    }

    fileprivate mutating func add(_ series: Series, routesOf listeners: [CounterTable.Listener]) {
        begin(series)
        for listener in listeners {
            for (route, count) in listener.routeTotals {
                add(series, [listener.statPrefix] + route.labels, .whole(count))
            }
        }
    }

    fileprivate mutating func add(_ family: MapTally.Family, _ maps: [CounterTable.Map]) {
        begin(family.series)
        for map in maps {
            for value in family.values {
                add(family.series, [map.name, value.label], .whole(map.total(of: value)))
            }
        }
    }

    fileprivate mutating func add(_ edge: EdgeSeries, _ listeners: [CounterTable.Listener]) {
        switch edge {
        case .connections: add(.downstreamCxTotal, listeners, edge.series, \.shownName)
        case .activeConnections: add(.sessionsActive, listeners, edge.series, \.shownName)
        case .tlsConnections: add(.sessionsDownstreamTerminatedSSL, listeners, edge.series, \.shownName)
        case .commands:
            begin(edge.series)
            for listener in listeners {
                for command in CountedCommand.allCases {
                    add(edge.series, [listener.shownName, command.label], .whole(listener.total(of: command)))
                }
            }
        case .commandDuration: add(Histogram.commandDuration, listeners, edge.series, \.shownName)
        }
    }
}
