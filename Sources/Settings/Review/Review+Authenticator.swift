extension Review {
    func check(_ authenticator: Settings.Authenticator, problems: inout ProblemCollector) {
        // Where the type is missing or was refused, nothing more can be said.
        guard let table = document.find(["authenticator", authenticator.name]), let type = table["type"],
            type.content == .string(authenticator.type.rawValue) || type.content == .text(authenticator.type.rawValue)
        else { return }
        let word = Quoting.toml(authenticator.type.rawValue)
        for (other, keys) in Settings.Authenticator.keysOfTypes where other != authenticator.type {
            for key in keys where !authenticator.isSilent(about: other, key) {
                guard let node = table[key] else { continue }
                problems.report(
                    keyOf: node, "is for the type \(Quoting.toml(other.rawValue)), and the type is \(word)")
            }
        }
        let needed: String? =
            switch authenticator.type {
            case .http: "url"
            case .file: "file"
            case .dovecot: "socket"
            case .pam, .upstream, .program: nil
            }
        if let needed, authenticator.isSilent(about: authenticator.type, needed), table[needed]?.isNothing ?? true {
            problems.report(keyOf: table, "the key \(needed) is missing; the type \(word) needs it")
        }
        for (index, url) in authenticator.urls.enumerated() where authenticator.urls[..<index].contains(url) {
            guard let node = table["url"]?.value(index, of: authenticator.urls.count) else { continue }
            problems.report(node, "\(url.shown) is in the list already")
        }
    }

    mutating func warn(about authenticator: Settings.Authenticator) {
        guard let table = document.find(["authenticator", authenticator.name]) else { return }
        if !authenticator.verifiesTLS, let node = table["tls_verify"] {
            warnings.report(node, "anybody on the way can answer in place of the server")
        }
        for (index, url) in authenticator.urls.enumerated() where url.isOpen {
            guard let node = table["url"]?.value(index, of: authenticator.urls.count) else { continue }
            warnings.report(node, "passwords go to \(url.shown) in the clear; https keeps them")
        }
    }
}
