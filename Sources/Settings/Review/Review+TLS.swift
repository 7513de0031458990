extension Review {
    func check(_ tls: Settings.TLS, problems: inout ProblemCollector) {
        guard let table = document.find(["tls", tls.name]) else { return }
        checkFiles(
            keys: table["key"], tls.key.count, certificates: tls.certificate.count, named: "certificate",
            problems: &problems)
        if let newest = tls.maximumVersion, newest < tls.minimumVersion, let node = table["maximum_version"] {
            problems.report(node, "\(newest.rawValue) is older than minimum_version, \(tls.minimumVersion.rawValue)")
        }
        if tls.clientCertificates == .require, tls.clientCA.isEmpty, let node = table["client_certificates"],
            table["client_ca"]?.isNothing ?? true
        {
            problems.report(node, "\"require\" lets nobody in: name the file of the authorities in client_ca")
        }
        checkNames(of: tls, problems: &problems)
    }

    private func checkNames(of tls: Settings.TLS, problems: inout ProblemCollector) {
        var seen: [String: SettingsOrigin] = [:]
        for (number, sni) in tls.sni.enumerated() {
            guard let table = document.find(["tls", tls.name, "sni", "\(number)"]) else { continue }
            checkFiles(
                keys: table["key"], sni.key.count, certificates: sni.certificate.count, named: "certificate",
                problems: &problems)
            for (index, name) in sni.names.enumerated() {
                guard let node = table["names"]?.value(index, of: sni.names.count) else { continue }
                if let place = seen[name] {
                    problems.report(node, "\(Quoting.shown(name)) has a certificate already (\(place))")
                } else {
                    seen[name] = node.origin
                }
            }
        }
    }

    /// A number of 0 is that of a value which is missing, or was refused; both are reported.
    func checkFiles(
        keys node: Node?, _ keys: Int, certificates: Int, named name: String, problems: inout ProblemCollector
    ) {
        guard let node, keys > 0, certificates > 0, keys != certificates else { return }
        problems.report(node, "\(keys) files, but \(name) has \(certificates); expected one each")
    }

    mutating func warn(about tls: Settings.TLS) {
        guard let table = document.find(["tls", tls.name]) else { return }
        if tls.clientCertificates == .off, !tls.clientCA.isEmpty, let node = table["client_ca"] {
            warnings.report(node, "has no effect, for client_certificates is \"off\"")
        }
        if tls.clientCertificates == .request, tls.clientCA.isEmpty, let node = table["client_certificates"] {
            warnings.report(node, "the certificates of clients are never verified, for client_ca is empty")
        }
    }
}
