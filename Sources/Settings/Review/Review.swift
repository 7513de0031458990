/// What one key alone does not show: references, things that exclude each other, and what is allowed but doubtful.
struct Review {
    let settings: Settings
    let document: Node
    var warnings = ProblemCollector()

    init(_ settings: Settings, document: Node) {
        self.settings = settings
        self.document = document
    }

    mutating func run(problems: inout ProblemCollector) {
        if document["listener"].map({ $0.isTable && $0.children.isEmpty }) ?? true {
            problems.report(document, "no listener; add a table [listener.NAME]")
        }
        for listener in settings.listeners {
            checkReferences(of: listener, problems: &problems)
            check(listener, problems: &problems)
            warn(about: listener)
        }
        for upstream in settings.upstreams {
            check(upstream, problems: &problems)
            warn(about: upstream)
            warnOfOpenAuthentication(to: upstream)
        }
        for authenticator in settings.authenticators {
            check(authenticator, problems: &problems)
            warn(about: authenticator)
        }
        for map in settings.maps {
            check(map, problems: &problems)
            warn(about: map)
        }
        for tls in settings.tls {
            check(tls, problems: &problems)
            warn(about: tls)
        }
        checkLog(problems: &problems)
        warnAboutAdmin()
        checkLoops(problems: &problems)
        checkAddresses(problems: &problems)
        checkStatPrefixes(problems: &problems)
    }

    /// Nobody is asked for a password there.
    private mutating func warnAboutAdmin() {
        guard let endpoint = settings.admin.listen?.endpoint, !endpoint.isLoopback,
            let node = document.find(["admin", "listen"])
        else { return }
        warnings.report(
            node, "anybody who reaches \(endpoint) sees the addresses of clients; keep it to 127.0.0.1 or a Unix socket"
        )
    }

    func node(_ listener: Settings.Listener, _ key: String) -> Node? {
        document.find(["listener", listener.name, key])
    }

    func node(_ upstream: Settings.Upstream, _ key: String) -> Node? {
        document.find(["upstream", upstream.name, key])
    }

    private func checkReferences(of listener: Settings.Listener, problems: inout ProblemCollector) {
        if let tls = listener.tls {
            checkReference(to: "tls", tls, of: listener, among: settings.tls.map(\.name), problems: &problems)
        }
        if !listener.upstream.isEmpty {
            let names = settings.upstreams.map(\.name)
            checkReference(to: "upstream", listener.upstream, of: listener, among: names, problems: &problems)
        }
    }

    /// The sets `[set.NAME]` and the listener's key for one of them have the same name.
    private func checkReference(
        to set: String, _ name: String, of listener: Settings.Listener, among names: [String],
        problems: inout ProblemCollector
    ) {
        guard !names.contains(name), document[set]?.isTable ?? true, let node = node(listener, set) else { return }
        problems.report(node, "there is no [\(set).\(name)]\(Spelling.hint(for: name, among: names))")
    }

    private func checkAddresses(problems: inout ProblemCollector) {
        var seen: [(address: Settings.ListenAddress, isIPv6Only: Bool, place: String)] = []
        if let path = settings.runtime.controlSocket {
            let origin = document.find(["runtime", "control_socket"])?.origin ?? .builtIn
            seen.append((.unix(path), false, "runtime.control_socket (\(origin))"))
        }
        if let address = settings.admin.listen, let node = document.find(["admin", "listen"]) {
            if let other = seen.first(where: { $0.address == address }) {
                problems.report(node, "\(address) is taken already, in \(other.place)")
            }
            seen.append((address, false, "admin.listen (\(node.origin))"))
        }
        for listener in settings.listeners where !listener.isFromSystemd {
            for (index, address) in listener.listen.enumerated() {
                guard let node = node(listener, "listen")?.value(index, of: listener.listen.count) else { continue }
                let only = listener.isIPv6Only
                let other = seen.first {
                    $0.address.covers(address, ipv6Only: $0.isIPv6Only) || address.covers($0.address, ipv6Only: only)
                }
                if let other {
                    let words = other.address == address ? "is taken already" : "overlaps with \(other.address)"
                    problems.report(node, "\(address) \(words), in \(other.place)")
                }
                seen.append((address, only, "\(node.path) (\(node.origin))"))
            }
        }
    }

    private func checkStatPrefixes(problems: inout ProblemCollector) {
        var owners: [String: String] = [:]
        for listener in settings.listeners where !listener.statPrefix.isEmpty {
            if let owner = owners[listener.statPrefix] {
                guard let node = node(listener, "stat_prefix") ?? document.find(["listener", listener.name]) else {
                    continue
                }
                let prefix = Quoting.toml(listener.statPrefix)
                problems.report(
                    node, "the stat_prefix \(prefix) of listener.\(listener.name) is that of listener.\(owner)")
            } else {
                owners[listener.statPrefix] = listener.name
            }
        }
    }
}

extension Node {
    /// True for the values that say nothing: `""` and `[]`, and a list of nothing but commas on the command line.
    var isNothing: Bool {
        if case .text(let text) = content { return text.utf8.allSatisfy { $0 == UInt8(ascii: ",") } }
        return content == .string("") || content == .list([])
    }
}

extension Settings.ListenAddress {
    /// True where a socket that listens here would take connections to `other`.
    fileprivate func covers(_ other: Settings.ListenAddress, ipv6Only: Bool) -> Bool {
        switch (self, other) {
        case (.ip(let own), .ip(let other)): own.covers(other, ipv6Only: ipv6Only)
        case (.unix(let own), .unix(let other)): own == other
        case (.ip, .unix), (.unix, .ip): false
        }
    }
}
