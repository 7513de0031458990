extension Review {
    func check(_ listener: Settings.Listener, problems: inout ProblemCollector) {
        checkPlaces(of: listener, problems: &problems)
        checkRole(of: listener, problems: &problems)
        checkStartTLS(of: listener, problems: &problems)
        checkEHLO(of: listener, problems: &problems)
        checkProxy(of: listener, problems: &problems)
        checkIPv6(of: listener, problems: &problems)
        checkDepth(of: listener, problems: &problems)
        checkRoutes(of: listener, problems: &problems)
    }

    private func checkPlaces(of listener: Settings.Listener, problems: inout ProblemCollector) {
        guard !listener.isFromSystemd, node(listener, "listen")?.isNothing ?? true,
            let table = document.find(["listener", listener.name]), table.isTable
        else { return }
        problems.report(keyOf: table, "the key listen is missing (systemd = true goes without)")
    }

    private func checkRole(of listener: Settings.Listener, problems: inout ProblemCollector) {
        guard listener.role == .smtps else { return }
        if lacksCertificate(listener), let node = node(listener, "role") {
            problems.report(node, "\"smtps\" needs a certificate; name a TLS set with the key tls")
        }
        if listener.startTLS != .off, let node = node(listener, "starttls") {
            let word = Quoting.toml(listener.startTLS.rawValue)
            problems.report(node, "\(word) does not go with role = \"smtps\", which is TLS from the first byte")
        }
    }

    private func checkStartTLS(of listener: Settings.Listener, problems: inout ProblemCollector) {
        guard listener.role != .smtps else { return }
        if listener.startTLS != .off, lacksCertificate(listener), let node = node(listener, "starttls") {
            let word = Quoting.toml(listener.startTLS.rawValue)
            problems.report(node, "\(word) needs a certificate; name a TLS set with the key tls")
        }
        if listener.depth == .tunnel, listener.dial == .startTLS, listener.startTLS == .off,
            let node = node(listener, "dial")
        {
            problems.report(
                node, "\"starttls\" waits for the client's TLS, and there is none: starttls is \"off\"")
        }
    }

    /// A name that was refused is reported already, and counts as one.
    private func lacksCertificate(_ listener: Settings.Listener) -> Bool {
        listener.tls == nil && node(listener, "tls")?.isNothing ?? true
    }

    private func checkEHLO(of listener: Settings.Listener, problems: inout ProblemCollector) {
        guard listener.depth == .tunnel, let policy = listener.ehloBeforeTLSAsWritten,
            let node = node(listener, "ehlo_before_tls")
        else { return }
        let word = Quoting.toml(policy.rawValue)
        let offer = "starttls = \(Quoting.toml(listener.startTLS.rawValue))"
        switch (policy, listener.startTLS) {
        case _ where listener.role == .smtps:
            problems.report(node, "\(word) has no EHLO to act on: role = \"smtps\" is TLS from the first byte")
        case (.inject, .off):
            problems.report(node, "\(word) would offer STARTTLS, and \(offer)")
        case (.strip, .offer), (.strip, .require):
            problems.report(node, "\(word) would hide the STARTTLS of \(offer)")
        case (.pass, .offer), (.pass, .require):
            guard listener.dial == .startTLS else { break }
            problems.report(node, "\(word) has nothing to pass on: dial = \"starttls\" asks no server before TLS")
        case (.inject, .offer), (.inject, .require), (.strip, .off), (.pass, .off): break
        }
    }

    private func checkProxy(of listener: Settings.Listener, problems: inout ProblemCollector) {
        guard listener.proxyProtocol == .required, listener.proxyProtocolTrusted.isEmpty,
            listener.isFromSystemd || listener.listen.contains(where: { $0.endpoint != nil }),
            let node = node(listener, "proxy_protocol"),
            // One that was refused is reported already.
            self.node(listener, "proxy_protocol_trusted")?.isNothing ?? true
        else { return }
        problems.report(node, "\"required\" lets nobody in: name the networks to trust in proxy_protocol_trusted")
    }

    private func checkIPv6(of listener: Settings.Listener, problems: inout ProblemCollector) {
        guard listener.isIPv6Only, let node = node(listener, "listen") else { return }
        for (index, address) in listener.listen.enumerated() where address.endpoint?.isMapped ?? false {
            problems.report(
                node.value(index, of: listener.listen.count),
                "\(address) is IPv4 within IPv6, which ipv6_only shuts out")
        }
    }
}

extension Review {
    mutating func warn(about listener: Settings.Listener) {
        if !listener.hasTLS, let tls = listener.tls, let node = node(listener, "starttls") {
            warnings.report(node, "the certificate of tls.\(tls) is never shown, for starttls is \"off\"")
        }
        if listener.depth == .tunnel, listener.ehloBeforeTLS == .pass, listener.startTLS == .require,
            let node = node(listener, "ehlo_before_tls")
        {
            warnings.report(node, "clients must use STARTTLS, and learn of it only where the server offers it as well")
        }
        if listener.proxyProtocol == .off, !listener.proxyProtocolTrusted.isEmpty,
            let node = node(listener, "proxy_protocol_trusted"), node.isOwn(of: listener)
        {
            warnings.report(node, "has no effect, for proxy_protocol is \"off\"")
        }
        if listener.isFromSystemd, let node = node(listener, "listen"), node.isOwn(of: listener) {
            warnings.report(node, "has no effect, for systemd = true takes sockets from systemd alone")
        }
        if listener.proxyProtocol == .required {
            warnOfEverybody(listener, "proxy_protocol_trusted", listener.proxyProtocolTrusted, "proxies")
        }
        warnOfDepth(listener)
        warnOfRoutes(listener)
        for upstream in settings.upstreams(of: listener) {
            warnOfMirror(listener, upstream)
            warnOfEarlyHeader(listener, upstream)
            warnOfOpenRelay(listener, upstream)
        }
    }

    /// Who may say which client it is, is whoever it says.
    mutating func warnOfEverybody(
        _ listener: Settings.Listener, _ key: String, _ networks: [Settings.Network], _ noun: String
    ) {
        guard let node = node(listener, key) else { return }
        for (index, network) in networks.enumerated() where network.prefixLength == 0 {
            warnings.report(
                node.value(index, of: networks.count),
                "\(network) lets anyone say which client it is; name the \(noun)")
        }
    }

    private mutating func warnOfMirror(_ listener: Settings.Listener, _ upstream: Settings.Upstream) {
        guard upstream.tls == .mirror, !listener.hasTLS,
            let node = node(listener, "upstream") ?? node(listener, "route")
        else { return }
        warnings.report(
            node, "upstream.\(upstream.name) mirrors the TLS of clients, and they have none here: nothing is encrypted")
    }

    /// A header goes first, and a client's TLS comes later than its connection.
    private mutating func warnOfEarlyHeader(_ listener: Settings.Listener, _ upstream: Settings.Upstream) {
        guard listener.depth == .tunnel, upstream.proxyProtocol == .v2, listener.role != .smtps,
            listener.dial == .accept,
            let node = node(upstream, "proxy_protocol_tlvs")
        else { return }
        let values = upstream.proxyProtocolTLVs
        for (index, value) in values.enumerated() where value == .ssl || value == .authority {
            let remedy = listener.hasTLS ? "; dial = \"starttls\" there would wait for it" : ""
            warnings.report(
                node.value(index, of: values.count),
                "\"\(value)\" says nothing for listener.\(listener.name): the header is sent before the client's"
                    + " TLS\(remedy)")
        }
    }
}

extension Node {
    /// True for a key of the listener's own table; false for one that all listeners share.
    func isOwn(of listener: Settings.Listener) -> Bool {
        path.hasPrefix("listener.\(listener.name).")
    }
}
