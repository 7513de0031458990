// What holds at envelope depth, and at tunnel depth does not.
extension Review {
    func checkDepth(of listener: Settings.Listener, problems: inout ProblemCollector) {
        switch listener.depth {
        case .tunnel: checkNoAuthentication(of: listener, problems: &problems)
        case .envelope:
            checkAuthenticator(of: listener, problems: &problems)
            checkDemand(of: listener, problems: &problems)
            checkMechanisms(of: listener, problems: &problems)
        }
    }

    private func node(_ listener: Settings.Listener, auth key: String) -> Node? {
        document.find(["listener", listener.name, "auth", key])
    }

    /// The node of a key of `auth`, or of what has it be as it is.
    private func cause(_ listener: Settings.Listener, auth key: String) -> Node? {
        node(listener, auth: key) ?? node(listener, "auth") ?? node(listener, "role") ?? node(listener, "depth")
    }

    private func checkNoAuthentication(of listener: Settings.Listener, problems: inout ProblemCollector) {
        let authentication = listener.authentication
        var silent = Settings.Authentication()
        silent.maxFailures = authentication.maxFailures
        silent.failuresPerAddress = authentication.failuresPerAddress
        silent.failuresPerUser = authentication.failuresPerUser
        silent.failureDelay = authentication.failureDelay
        guard authentication != silent, let node = node(listener, "auth") else { return }
        problems.report(node, "at tunnel depth the upstream authenticates clients; expected depth = \"envelope\"")
    }

    private func checkAuthenticator(of listener: Settings.Listener, problems: inout ProblemCollector) {
        let authentication = listener.authentication
        if let name = authentication.authenticator {
            let names = settings.authenticators.map(\.name)
            guard !names.contains(name), document["authenticator"]?.isTable ?? true,
                let node = node(listener, auth: "authenticator")
            else { return }
            problems.report(node, "there is no [authenticator.\(name)]\(Spelling.hint(for: name, among: names))")
            return
        }
        // One that was refused is reported already.
        guard node(listener, auth: "authenticator")?.isNothing ?? true else { return }
        let demand = "nobody decides who a client is; name an authenticator with auth.authenticator"
        if !authentication.mechanisms.isEmpty, let node = node(listener, auth: "mechanisms") {
            problems.report(node, demand)
        } else if authentication.alwaysAcceptsPlainAndLogin,
            let node = node(listener, auth: "always_accept_plain_login")
        {
            problems.report(node, demand)
        } else if authentication.isRequired, let node = cause(listener, auth: "require") {
            problems.report(node, demand)
        }
    }

    private func checkDemand(of listener: Settings.Listener, problems: inout ProblemCollector) {
        let authentication = listener.authentication
        if !authentication.isRequired, listener.role != .smtp, let node = node(listener, auth: "require") {
            let role = Quoting.toml(listener.role.rawValue)
            problems.report(node, "role = \(role) demands AUTH at envelope depth; expected true, or role = \"smtp\"")
        }
        guard authentication.isRequired, authentication.authenticator != nil else { return }
        if authentication.mechanisms.contains(.none) {
            guard let node = node(listener, auth: "mechanisms") else { return }
            problems.report(node, "\"NONE\" is for clients that do not authenticate, and here they must")
        } else if authentication.mechanisms.isEmpty, !authentication.alwaysAcceptsPlainAndLogin,
            let node = node(listener, auth: "mechanisms"), node.isNothing
        {
            problems.report(node, "clients must authenticate, and there is no way to")
        }
    }

    private func checkMechanisms(of listener: Settings.Listener, problems: inout ProblemCollector) {
        let mechanisms = listener.authentication.mechanisms
        let type = listener.authentication.authenticator.flatMap { settings.authenticator(named: $0)?.type }
        let written = node(listener, auth: "mechanisms")
        for (index, mechanism) in mechanisms.enumerated() {
            guard let node = written?.value(index, of: mechanisms.count) else { continue }
            let word = Quoting.toml(mechanism.rawValue)
            if mechanisms[..<index].contains(mechanism) {
                problems.report(node, "\(word) is in the list already")
            } else if let reason = reason(against: mechanism, listener, type) {
                problems.report(node, "\(word) \(reason)")
            }
        }
        let isHidden = !listener.hasTLS && !listener.authentication.isAllowedBeforeTLS
        if isHidden, mechanisms.contains(where: { $0 != .none }), let node = cause(listener, auth: "mechanisms") {
            problems.report(
                node,
                "clients authenticate inside TLS, and there is none here; name a TLS set with the key tls, or say"
                    + " auth.before_tls = true")
        }
    }

    /// Why nobody could ever use the mechanism.
    private func reason(
        against mechanism: Settings.Authentication.Mechanism, _ listener: Settings.Listener,
        _ type: Settings.AuthenticatorType?
    ) -> String? {
        switch (mechanism, type) {
        case (.external, .upstream):
            return "shows a certificate, which nobody can show to the upstream in the client's place"
        case (.cramMD5, .upstream): return "answers a challenge, which would have to be the upstream's"
        case (.external, .pam): return "shows a certificate, of which PAM knows nothing"
        case (.cramMD5, .pam): return "does not show the password, which PAM must see"
        case (.external, _):
            let set = listener.tls.flatMap(settings.tls(named:))
            guard set == nil || set?.clientCertificates == .off else { return nil }
            return "needs clients with certificates; expected a TLS set with client_certificates = \"request\" or"
                + " \"require\""
        case (.xoauth2, .file), (.oauthbearer, .file): return "brings a token, of which a file knows nothing"
        case (.xoauth2, .pam), (.oauthbearer, .pam): return "brings a token, of which PAM knows nothing"
        case (.none, .file), (.none, .dovecot), (.none, .pam), (.none, .upstream):
            return "is for an authenticator of the type \"http\""
        default: return nil
        }
    }
}

extension Review {
    mutating func warnOfDepth(_ listener: Settings.Listener) {
        let standard = Settings.Listener()
        switch listener.depth {
        case .tunnel:
            warn(
                listener, "has no effect at tunnel depth",
                [
                    ("greeting", listener.greeting != standard.greeting),
                    ("greeting_teaser", !listener.greetingTeaser.isEmpty),
                    ("greeting_delay", listener.greetingDelay != .zero),
                    ("capabilities", !listener.capabilities.isEmpty),
                    ("client_buffer", listener.clientBuffer != standard.clientBuffer),
                    ("max_errors", listener.maxErrors != standard.maxErrors),
                    ("max_commands", listener.maxCommands != standard.maxCommands),
                    ("max_messages_per_address", listener.maxMessagesPerAddress.count > 0),
                    ("xclient_trusted", !listener.xclientTrusted.isEmpty),
                    ("client_names", listener.looksUpClientNames),
                    ("relaying", listener.relayingAsWritten != nil),
                    ("recipient_delimiter", !listener.recipientDelimiter.isEmpty),
                    ("relay_denied_code", listener.relayDeniedCode != standard.relayDeniedCode),
                ] + transactionKeys(listener))
        case .envelope:
            warn(
                listener, "has no effect at envelope depth",
                [
                    ("dial", listener.dial != .accept),
                    ("ehlo_before_tls", listener.ehloBeforeTLSAsWritten != nil),
                    ("ehlo_inside_tls", listener.ehloInsideTLS != standard.ehloInsideTLS),
                ])
            warn(
                listener, "is never sent, for greeting_delay is \"0s\"",
                [("greeting_teaser", !listener.greetingTeaser.isEmpty && listener.greetingDelay == .zero)])
            if settings.relaying(of: listener) == .session {
                warn(listener, "has no effect where whole sessions are relayed", transactionKeys(listener))
            }
            warn(
                listener, "has no effect without a route that leads to a map",
                [
                    (
                        "recipient_delimiter",
                        !listener.recipientDelimiter.isEmpty && listener.routes.allSatisfy { $0.map == nil }
                    )
                ])
            warn(
                listener, "has no effect: no recipient is refused for want of a route",
                [("relay_denied_code", listener.relayDeniedCode != standard.relayDeniedCode && listener.takesAll)])
            warnOfOpenPasswords(listener)
            warnOfEverybody(listener, "xclient_trusted", listener.xclientTrusted, "servers")
        }
    }

    private mutating func warn(_ listener: Settings.Listener, _ message: String, _ keys: [(String, isSet: Bool)]) {
        for (key, isSet) in keys where isSet {
            guard let node = node(listener, key), node.isOwn(of: listener) else { continue }
            warnings.report(node, message)
        }
    }

    private mutating func warnOfOpenPasswords(_ listener: Settings.Listener) {
        let authentication = listener.authentication
        guard authentication.isAllowedBeforeTLS, authentication.mechanisms.contains(where: \.sendsSecret),
            listener.isFromSystemd || listener.listen.contains(where: { $0.endpoint.map { !$0.isLoopback } ?? false }),
            let node = document.find(["listener", listener.name, "auth", "before_tls"])
        else { return }
        warnings.report(node, "passwords can be read on their way")
    }
}

extension Settings.Authentication.Mechanism {
    /// Whether who listens has the secret.
    fileprivate var sendsSecret: Bool {
        switch self {
        case .plain, .login, .xoauth2, .oauthbearer: true
        case .cramMD5, .external, .none: false
        }
    }
}
