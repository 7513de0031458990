extension Review {
    /// A session that comes back to where it was is one more session there, and so on until there is room for none.
    func checkLoops(problems: inout ProblemCollector) {
        let ways = allWays()
        var next: [String: Set<String>] = [:]
        for way in ways { next[way.from, default: []].insert(way.to) }
        var reachable: [String: Set<String>] = [:]
        for listener in next.keys { reachable[listener] = Self.reachable(from: listener, by: next) }
        for way in ways where way.from == way.to || reachable[way.to]?.contains(way.from) ?? false {
            let fate =
                way.from == way.to
                ? "its sessions would go round for ever"
                : "sessions come back from there to listener.\(way.from), and would go round for ever"
            problems.report(way.node, "\(way.server) is where listener.\(way.to) listens: \(fate)")
        }
    }

    /// From a listener to another, by a server of its upstream.
    private struct Way {
        let from: String
        let to: String
        let server: Settings.ServerAddress
        let node: Node
    }

    private func allWays() -> [Way] {
        var ways: [Way] = []
        for listener in settings.listeners {
            for upstream in settings.upstreams(of: listener) {
                guard let node = node(upstream, "servers") else { continue }
                for (index, server) in upstream.servers.enumerated() {
                    for other in settings.listeners where other.takes(server) {
                        let place = node.value(index, of: upstream.servers.count)
                        ways.append(Way(from: listener.name, to: other.name, server: server, node: place))
                    }
                }
            }
        }
        return ways
    }

    private static func reachable(from listener: String, by ways: [String: Set<String>]) -> Set<String> {
        var found: Set<String> = []
        var open = Array(ways[listener] ?? [])
        while let next = open.popLast() {
            if found.insert(next).inserted { open += ways[next] ?? [] }
        }
        return found
    }
}

extension Settings.Listener {
    /// True where a connection to `server` would come in here, as far as its address tells.
    fileprivate func takes(_ server: Settings.ServerAddress) -> Bool {
        listen.contains { own in
            switch (own, server) {
            case (.unix(let own), .unix(let path)): own == path
            case (.ip(let own), .ip(let endpoint)): takes(endpoint, at: own)
            case (.ip(let own), .host("localhost", let port)):
                Endpoint.loopbacks(port: port).contains { takes($0, at: own) }
            case (.ip, .host), (.ip, .unix), (.unix, .ip), (.unix, .host): false
            }
        }
    }

    /// Behind a wildcard only what is surely of this machine counts.
    private func takes(_ server: Endpoint, at own: Endpoint) -> Bool {
        own.covers(server, ipv6Only: isIPv6Only) && (!own.isWildcard || server.isLoopback || server.isWildcard)
    }
}

extension Endpoint {
    fileprivate static func loopbacks(port: UInt16) -> [Endpoint] {
        [[127, 0, 0, 1], [UInt8](repeating: 0, count: 15) + [1]].compactMap { Endpoint(address: $0, port: port) }
    }
}
