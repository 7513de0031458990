// What gives others more trust than they may have earned.
extension Review {
    /// What anybody may have relayed, as far as the upstream lets a client of Mailrace's address.
    mutating func warnOfOpenRelay(_ listener: Settings.Listener, _ upstream: Settings.Upstream) {
        let authentication = listener.authentication
        guard listener.role == .smtp, !authentication.isRequired, let node = node(listener, "listen") else { return }
        let isAskedAbout = authentication.mechanisms.contains(.none)
        let message: String
        if listener.depth == .envelope, upstream.authentication == .own, !isAskedAbout {
            message =
                "takes what they send for Mailrace's: it must not relay for that user; auth.require = true demands"
                + " that they authenticate"
        } else if upstream.proxyProtocol != .off {
            return
        } else if listener.depth == .tunnel || upstream.xclient == .off {
            message = "sees Mailrace's address in place of theirs: it must not trust that address"
        } else if !isAskedAbout {
            message = "hears whose mail it is only where it offers XCLIENT: else it must not trust Mailrace's address"
        } else {
            return
        }
        for (index, address) in listener.listen.enumerated() {
            guard let endpoint = address.endpoint, !endpoint.isLoopback else { continue }
            warnings.report(
                node.value(index, of: listener.listen.count),
                "\(endpoint) is open to others, and upstream.\(upstream.name) \(message)")
        }
    }

    /// Passwords of clients that Mailrace says to the servers.
    mutating func warnOfOpenAuthentication(to upstream: Settings.Upstream) {
        guard upstream.authentication == .session || isAskedByListeners(upstream), let node = node(upstream, "servers")
        else { return }
        let word: String
        switch upstream.tls {
        case .off: word = "go"
        case .opportunistic, .mirror: word = "may go"
        case .required, .implicit: return
        }
        for (index, server) in upstream.servers.enumerated() where server.isElsewhere {
            warnings.report(
                node.value(index, of: upstream.servers.count),
                "passwords \(word) to \(server) in the clear; tls = \"required\" keeps them")
        }
    }

    /// It decides itself who clients are.
    private func isAskedByListeners(_ upstream: Settings.Upstream) -> Bool {
        settings.listeners.contains { listener in
            let name = listener.depth == .envelope ? listener.authentication.authenticator : nil
            return listener.upstream == upstream.name
                && name.flatMap(settings.authenticator(named:))?.type == .upstream
        }
    }
}

extension Settings.ServerAddress {
    /// What is said to it goes over a network.
    fileprivate var isElsewhere: Bool {
        switch self {
        case .ip(let endpoint): !endpoint.isLoopback
        case .host(let name, _): name != "localhost"
        case .unix: false
        }
    }
}
