// Where recipients go, at envelope depth.
extension Review {
    func checkRoutes(of listener: Settings.Listener, problems: inout ProblemCollector) {
        checkUpstream(of: listener, problems: &problems)
        for (index, route) in listener.routes.enumerated() {
            guard let table = document.find(["listener", listener.name, "route", "\(index)"]) else { continue }
            check(route, table, problems: &problems)
        }
        if listener.depth == .tunnel, !listener.routes.isEmpty, let node = node(listener, "route") {
            problems.report(node, "at tunnel depth nobody looks at recipients; expected depth = \"envelope\"")
        }
        if listener.authentication.isRequired {
            for (node, reason) in routesTooLate(of: listener) {
                problems.report(node, "\(reason); expected relaying = \"transaction\"")
            }
        }
        checkLMTP(of: listener, problems: &problems)
    }

    /// The routes that ask about what clients have not said yet when they have authenticated: where whole sessions are
    /// relayed, they are led on then.
    private func routesTooLate(of listener: Settings.Listener) -> [(Node, reason: String)] {
        let authentication = listener.authentication
        let isOffered =
            authentication.mechanisms.contains { $0 != .none } || authentication.alwaysAcceptsPlainAndLogin
        guard listener.depth == .envelope, settings.relaying(of: listener) == .session, isOffered,
            authentication.authenticator != nil
        else { return [] }
        return listener.routes.enumerated().compactMap { index, route in
            guard let map = route.map.flatMap(settings.map(named:)), let key = map.keys.first, key.isOfTransaction,
                let node = document.find(["listener", listener.name, "route", "\(index)", "map"])
            else { return nil }
            return (
                node,
                "map.\(map.name) is about \(key.subject), and clients that authenticate are led on before they name"
                    + " any: whole sessions are relayed"
            )
        }
    }

    private func checkUpstream(of listener: Settings.Listener, problems: inout ProblemCollector) {
        guard listener.upstream.isEmpty, node(listener, "upstream")?.isNothing ?? true,
            let table = document.find(["listener", listener.name]), table.isTable
        else { return }
        let name = listener.depth == .envelope ? listener.authentication.authenticator : nil
        if node(listener, "route")?.isNothing ?? true {
            problems.report(keyOf: table, "the key upstream is missing")
        } else if let name, settings.authenticator(named: name)?.type == .upstream {
            problems.report(
                keyOf: table, "the key upstream is missing; authenticator.\(name) relays AUTH to the upstream")
        } else if settings.upstreams.isEmpty, document["upstream"]?.isTable ?? true {
            problems.report(keyOf: table, "there is no upstream to lead to; add a table [upstream.NAME]")
        }
    }

    private func check(_ route: Settings.Route, _ table: Node, problems: inout ProblemCollector) {
        // One that was refused is reported already.
        let isGiven = { (key: String) in !(table[key]?.isNothing ?? true) }
        switch (isGiven("map"), isGiven("upstream")) {
        case (false, false): problems.report(table, "the route leads nowhere; expected map or upstream")
        case (true, true): problems.report(table, "a route takes a map or an upstream, and both are given")
        default: break
        }
        checkReference(route.map, at: table["map"], set: "map", among: settings.maps.map(\.name), problems: &problems)
        checkReference(
            route.upstream, at: table["upstream"], set: "upstream", among: settings.upstreams.map(\.name),
            problems: &problems)
    }

    func checkReference(
        _ name: String?, at node: Node?, set: String, among names: [String], problems: inout ProblemCollector
    ) {
        guard let name, let node, !names.contains(name), document[set]?.isTable ?? true else { return }
        problems.report(node, "there is no [\(set).\(name)]\(Spelling.hint(for: name, among: names))")
    }

    /// A server of LMTP says of each recipient apart what became of it, and knows no AUTH.
    private func checkLMTP(of listener: Settings.Listener, problems: inout ProblemCollector) {
        guard settings.relaying(of: listener) == .session,
            let upstream = settings.upstreams(of: listener).first(where: { $0.transferProtocol == .lmtp }),
            let node = node(listener, listener.depth == .tunnel ? "depth" : "relaying") ?? node(listener, "upstream")
                ?? document.find(["listener", listener.name])
        else { return }
        let expected = listener.depth == .tunnel ? "depth = \"envelope\"" : "relaying = \"transaction\""
        problems.report(
            node,
            "upstream.\(upstream.name) speaks LMTP, for which messages are relayed one by one; expected \(expected)")
    }
}

extension Review {
    mutating func warnOfRoutes(_ listener: Settings.Listener) {
        guard listener.depth == .envelope, !listener.routes.isEmpty else { return }
        let catchAll = listener.routes.firstIndex { $0.upstream != nil }
        if let catchAll {
            for index in listener.routes.indices.dropFirst(catchAll + 1) {
                guard let node = document.find(["listener", listener.name, "route", "\(index)"]) else { continue }
                warnings.report(node, "nobody comes here: the route before it takes all")
            }
        }
        guard !listener.authentication.isRequired else { return }
        for (node, reason) in routesTooLate(of: listener) { warnings.report(node, reason) }
        guard listener.role == .smtp, !listener.authentication.mechanisms.contains(.none) else { return }
        warnOfOpenRoute(listener, catchAll)
        warnOfSenders(listener, upTo: catchAll)
    }

    /// What anybody may have relayed to anywhere, as far as the upstream lets Mailrace.
    private mutating func warnOfOpenRoute(_ listener: Settings.Listener, _ catchAll: Int?) {
        guard let name = catchAll.map({ listener.routes[$0].upstream ?? "" }) ?? listener.upstream.nonempty,
            let node = catchAll.map({ document.find(["listener", listener.name, "route", "\($0)", "upstream"]) })
                ?? node(listener, "upstream")
        else { return }
        for address in listener.listen {
            guard let endpoint = address.endpoint, !endpoint.isLoopback else { continue }
            warnings.report(
                node,
                "\(endpoint) is open to others, and upstream.\(name) gets what they send to recipients that nobody"
                    + " knows here: it must not relay for Mailrace; auth.require = true demands that they authenticate")
        }
    }

    /// The same, for who knows which sender to claim.
    private mutating func warnOfSenders(_ listener: Settings.Listener, upTo catchAll: Int?) {
        guard listener.listen.contains(where: { $0.endpoint.map { !$0.isLoopback } ?? false }) else { return }
        for (index, route) in listener.routes[..<(catchAll ?? listener.routes.count)].enumerated() {
            guard let map = route.map.flatMap({ settings.map(named: $0) }),
                map.keys.contains(.sender) || map.keys.contains(.senderDomain),
                let node = document.find(["listener", listener.name, "route", "\(index)", "map"])
            else { continue }
            warnings.report(
                node,
                "map.\(map.name) goes by the sender, which anybody can make up: the servers that it leads to must not"
                    + " relay for Mailrace; auth.require = true demands that clients authenticate")
        }
    }

    /// For keys that hold where messages are relayed one by one.
    func transactionKeys(_ listener: Settings.Listener) -> [(String, isSet: Bool)] {
        let standard = Settings.Listener()
        return [
            ("multi_route", listener.multiRoute != standard.multiRoute),
            ("max_message_size", listener.maxMessageSize != standard.maxMessageSize),
            ("max_recipients", listener.maxRecipients != standard.maxRecipients),
            ("max_line_length", listener.maxLineLength != standard.maxLineLength),
            ("bare_newline", listener.bareNewline != standard.bareNewline),
        ]
    }
}

extension Settings.Listener {
    /// No recipient comes to be without a route.
    var takesAll: Bool { !upstream.isEmpty || routes.contains { $0.upstream != nil } }
}

extension String {
    /// Nil for nothing.
    fileprivate var nonempty: String? { isEmpty ? nil : self }
}
