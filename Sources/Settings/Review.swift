/// What one key alone does not show: references, things that exclude each other, and what is allowed but doubtful.
struct Review {
    private let settings: Settings
    private let document: Node
    private(set) var warnings = ProblemCollector()

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
            checkStartTLS(of: listener, problems: &problems)
            checkLoop(of: listener, problems: &problems)
            warn(about: listener)
        }
        checkAddresses(problems: &problems)
        checkStatPrefixes(problems: &problems)
        for tls in settings.tls { check(tls, problems: &problems) }
    }

    private func node(_ listener: Settings.Listener, _ key: String) -> Node? {
        document.find(["listener", listener.name, key])
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

    private func checkStartTLS(of listener: Settings.Listener, problems: inout ProblemCollector) {
        guard listener.startTLS != .off, listener.tls == nil, let node = node(listener, "starttls") else { return }
        // A name that was refused is reported already.
        guard self.node(listener, "tls").map(\.isEmptyText) ?? true else { return }
        let word = Quoting.toml(listener.startTLS.rawValue)
        problems.report(node, "\(word) needs a certificate; name a TLS set with the key tls")
    }

    /// A session that is relayed to its own listener is one more session there, and so on until there is room for none.
    private func checkLoop(of listener: Settings.Listener, problems: inout ProblemCollector) {
        guard let upstream = settings.upstream(named: listener.upstream),
            let node = document.find(["upstream", upstream.name, "servers"])
        else { return }
        for (index, server) in upstream.servers.enumerated() {
            let isOwn = listener.listen.contains { own in
                own.covers(server) && (!own.isWildcard || server.isLoopback || server.isWildcard)
            }
            guard isOwn else { continue }
            problems.report(
                node.value(index, of: upstream.servers.count),
                "\(server) is where listener.\(listener.name) listens: its sessions would go round for ever")
        }
    }

    private func checkAddresses(problems: inout ProblemCollector) {
        var seen: [(endpoint: Endpoint, node: Node)] = []
        for listener in settings.listeners {
            for (index, endpoint) in listener.listen.enumerated() {
                guard let node = node(listener, "listen")?.value(index, of: listener.listen.count) else { continue }
                if let other = seen.first(where: { $0.endpoint.covers(endpoint) || endpoint.covers($0.endpoint) }) {
                    let words = other.endpoint == endpoint ? "is taken already" : "overlaps with \(other.endpoint)"
                    problems.report(node, "\(endpoint) \(words), in \(other.node.path) (\(other.node.origin))")
                }
                seen.append((endpoint, node))
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

    private func check(_ tls: Settings.TLS, problems: inout ProblemCollector) {
        guard let table = document.find(["tls", tls.name]) else { return }
        if let keys = table["key"], !tls.key.isEmpty, !tls.certificate.isEmpty, tls.key.count != tls.certificate.count {
            problems.report(
                keys, "\(tls.key.count) files, but certificate has \(tls.certificate.count); expected one each")
        }
        if let newest = tls.maximumVersion, newest < tls.minimumVersion, let node = table["maximum_version"] {
            problems.report(node, "\(newest.rawValue) is older than minimum_version, \(tls.minimumVersion.rawValue)")
        }
    }

    private mutating func warn(about listener: Settings.Listener) {
        if listener.startTLS == .off, let tls = listener.tls, let node = node(listener, "starttls") {
            warnings.report(node, "the certificate of tls.\(tls) is never shown, for starttls is \"off\"")
        }
        guard listener.role == .smtp, let node = node(listener, "listen") else { return }
        for (index, endpoint) in listener.listen.enumerated() where !endpoint.isLoopback {
            warnings.report(
                node.value(index, of: listener.listen.count),
                "\(endpoint) is open to others, and upstream.\(listener.upstream) sees Mailrace's address in place of"
                    + " theirs: it must not trust that address")
        }
    }
}

extension Node {
    fileprivate var isEmptyText: Bool { content == .string("") || content == .text("") }
}
