extension Review {
    func check(_ upstream: Settings.Upstream, problems: inout ProblemCollector) {
        checkServers(of: upstream, problems: &problems)
        checkVerification(of: upstream, problems: &problems)
        checkCertificate(of: upstream, problems: &problems)
        checkSource(of: upstream, problems: &problems)
        checkTLVs(of: upstream, problems: &problems)
        checkOwnCredentials(of: upstream, problems: &problems)
        if upstream.health.timeout > upstream.health.interval,
            let node = node(upstream, "health").flatMap({ $0["timeout"] ?? $0["interval"] })
        {
            let (timeout, interval) = (upstream.health.timeout, upstream.health.interval)
            problems.report(
                node,
                "a check may take \(DurationText.format(timeout)), and the next begins after"
                    + " \(DurationText.format(interval)); timeout must not be longer than interval")
        }
    }

    private func checkServers(of upstream: Settings.Upstream, problems: inout ProblemCollector) {
        for (index, server) in upstream.servers.enumerated() where upstream.servers[..<index].contains(server) {
            guard let node = node(upstream, "servers")?.value(index, of: upstream.servers.count) else { continue }
            problems.report(node, "\(server) is in the list already")
        }
    }

    private func checkVerification(of upstream: Settings.Upstream, problems: inout ProblemCollector) {
        if upstream.tls != .off, upstream.tlsVerify == .off, !upstream.tlsPins.isEmpty,
            let node = node(upstream, "tls_pin_sha256")
        {
            problems.report(node, "no key is ever compared with it, for tls_verify is false")
        }
        guard upstream.demandsVerification, upstream.tlsServerName == nil, upstream.tlsPins.isEmpty,
            // One that was refused is reported already.
            node(upstream, "tls_server_name")?.isNothing ?? true, node(upstream, "tls_pin_sha256")?.isNothing ?? true,
            let node = node(upstream, "servers")
        else { return }
        for (index, server) in upstream.servers.enumerated() {
            if case .host = server { continue }
            problems.report(
                node.value(index, of: upstream.servers.count),
                "\(server) has no name to verify its certificate by; give tls_server_name or tls_pin_sha256, or say"
                    + " tls_verify = false")
        }
    }

    private func checkCertificate(of upstream: Settings.Upstream, problems: inout ProblemCollector) {
        let (certificates, keys) = (upstream.tlsCertificate.count, upstream.tlsKey.count)
        checkFiles(
            keys: node(upstream, "tls_key"), keys, certificates: certificates, named: "tls_certificate",
            problems: &problems)
        if keys == 0, certificates > 0, node(upstream, "tls_key")?.isNothing ?? true,
            let node = node(upstream, "tls_certificate")
        {
            problems.report(node, "has no key; name its file in tls_key")
        }
        if certificates == 0, keys > 0, node(upstream, "tls_certificate")?.isNothing ?? true,
            let node = node(upstream, "tls_key")
        {
            problems.report(node, "has no certificate; name its file in tls_certificate")
        }
    }

    private func checkSource(of upstream: Settings.Upstream, problems: inout ProblemCollector) {
        guard !upstream.source.isEmpty, !upstream.servers.isEmpty, let source = node(upstream, "source"),
            let servers = node(upstream, "servers")
        else { return }
        if upstream.servers.allSatisfy({ $0.port == nil }) {
            problems.report(source, "a Unix socket is not dialled from an address")
        }
        for (index, server) in upstream.servers.enumerated() {
            guard case .ip(let endpoint) = server,
                !upstream.source.contains(where: { $0.isIPv6 == endpoint.isIPv6 })
            else { continue }
            let family = endpoint.isIPv6 ? "IPv6" : "IPv4"
            problems.report(
                servers.value(index, of: upstream.servers.count),
                "\(server) cannot be dialled: source has no address of \(family)")
        }
    }

    private func checkOwnCredentials(of upstream: Settings.Upstream, problems: inout ProblemCollector) {
        guard upstream.authentication == .own, let node = node(upstream, "auth") else { return }
        let isGiven = { (key: String) in !(self.node(upstream, key)?.isNothing ?? true) }
        if !isGiven("auth_user") { problems.report(node, "\"own\" needs auth_user") }
        switch (isGiven("auth_password_file"), isGiven("auth_token_file")) {
        case (false, false): problems.report(node, "\"own\" needs auth_password_file or auth_token_file")
        case (true, true): problems.report(node, "\"own\" takes a password or a token, and both are given")
        default: break
        }
    }

    private func checkTLVs(of upstream: Settings.Upstream, problems: inout ProblemCollector) {
        let values = upstream.proxyProtocolTLVs
        guard !values.isEmpty, let node = node(upstream, "proxy_protocol_tlvs") else { return }
        if upstream.proxyProtocol != .v2 {
            let version = Quoting.toml(upstream.proxyProtocol.rawValue)
            problems.report(node, "only a header of version 2 carries them, and proxy_protocol is \(version)")
        }
        for (index, value) in values.enumerated() {
            let element = node.value(index, of: values.count)
            if let other = values[..<index].first(where: { $0 == value || $0.type != nil && $0.type == value.type }) {
                let words = other == value ? "is in the list already" : "is of the same type as \"\(other)\""
                problems.report(element, "\(Quoting.shown(value.description)) \(words)")
            } else if case .pass = value, values.contains(.passAll) {
                problems.report(element, "\"\(value)\" is part of \"pass\", which is in the list as well")
            }
        }
    }
}

extension Review {
    mutating func warn(about upstream: Settings.Upstream) {
        if upstream.tls == .off {
            warn(of: Self.tlsKeys, in: upstream, because: "tls is \"off\"")
        } else if upstream.tlsVerify == .off {
            warn(of: ["tls_ca", "tls_server_name"], in: upstream, because: "tls_verify is false")
        }
        if upstream.authentication != .own {
            let word = Quoting.toml(upstream.authentication.rawValue)
            warn(of: ["auth_user", "auth_password_file", "auth_token_file"], in: upstream, because: "auth is \(word)")
        }
        if upstream.maxConnections == 0 { warn(of: ["max_wait"], in: upstream, because: "max_connections is 0") }
        guard let node = node(upstream, "servers") else { return }
        for (index, server) in upstream.servers.enumerated() {
            let word = Quoting.toml(upstream.tls.rawValue)
            let doubt: String
            switch (server.port, upstream.tls) {
            case (465, .off), (465, .opportunistic), (465, .required), (465, .mirror):
                doubt = "port 465 is one for TLS from the first byte, and tls is \(word)"
            case (25, .implicit), (587, .implicit):
                doubt = "port \(server.port ?? 0) is one for STARTTLS, and tls is \(word)"
            case (25, _) where upstream.transferProtocol == .lmtp:
                doubt = "port 25 is one for SMTP, and protocol is \"lmtp\" (RFC 2033, section 5)"
            default: continue
            }
            warnings.report(node.value(index, of: upstream.servers.count), "\(server): \(doubt)")
        }
    }

    private static let tlsKeys = [
        "tls_verify", "tls_server_name", "tls_ca", "tls_pin_sha256", "tls_certificate", "tls_key",
        "tls_key_password_file", "tls_minimum_version",
    ]

    /// For those of `keys` that are given, and not as empty.
    private mutating func warn(of keys: [String], in upstream: Settings.Upstream, because reason: String) {
        for key in keys {
            guard let node = node(upstream, key), !node.isNothing else { continue }
            warnings.report(node, "has no effect, for \(reason)")
        }
    }
}
