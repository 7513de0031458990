import Ring

extension CounterTable {
    /// What a configuration has that is counted.
    public struct Configuration: Sendable {
        /// No name and no `stat_prefix` twice.
        public var listeners: [(name: String, statPrefix: String)]
        public var servers: [(upstream: String, server: String)]
        /// By their names.
        public var maps: [String]

        public init(
            listeners: [(name: String, statPrefix: String)], servers: [(upstream: String, server: String)] = [],
            maps: [String] = []
        ) {
            self.listeners = listeners
            self.servers = servers
            self.maps = maps
        }
    }

    /// This configuration is in force from now on; to be told before what is in it counts.
    ///
    /// A listener that has gone keeps its name until another has it. A server that has gone is forgotten as soon as
    /// nobody holds its tally any more, at the next call: there are never more than are configured and used.
    public func use(_ configuration: Configuration) {
        state.withLock { state in
            for index in state.listeners.indices {
                let name = state.listeners[index].name
                if configuration.listeners.contains(where: { $0.name == name }) { state.listeners[index].name = nil }
            }
            for (name, statPrefix) in configuration.listeners {
                let place = place(of: statPrefix, in: &state)
                state.listeners[place].name = name
            }
            for index in state.servers.indices { state.servers[index].isConfigured = false }
            for (upstream, server) in configuration.servers {
                let place = state.place(upstream: upstream, server: server)
                state.servers[place].isConfigured = true
            }
            state.forgetServers()
            // They are seen before they are asked.
            for map in configuration.maps { _ = place(ofMap: map, in: &state) }
        }
    }
}

extension CounterTable.State {
    /// The index of the server, which is known from now on.
    mutating func place(upstream: String, server: String) -> Int {
        let known = servers.firstIndex { $0.tally.upstream == upstream && $0.tally.server == server }
        if let known { return known }
        servers.append(CounterTable.Server(tally: ServerTally(upstream: upstream, server: server)))
        return servers.count - 1
    }

    fileprivate mutating func forgetServers() {
        for index in servers.indices.reversed() where !servers[index].isConfigured {
            if isKnownUniquelyReferenced(&servers[index].tally) { servers.remove(at: index) }
        }
    }
}
