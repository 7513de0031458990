// The files that a configuration names change by themselves: certificates are renewed.
extension LoadedSettings {
    /// The same settings, with the files that they name read anew. The configuration file itself is not looked at.
    ///
    /// Throws every file that cannot be read.
    public func withFilesReadAgain() throws(SettingsProblems) -> LoadedSettings {
        var collector = FileCollector(document: document, credentials: credentials)
        var copy = self
        copy.tlsFiles = []
        copy.upstreamFiles = []
        copy.mapFiles = []
        for tls in settings.tls { copy.tlsFiles.append(collector.files(of: tls)) }
        for upstream in settings.upstreams { copy.upstreamFiles.append(collector.files(of: upstream)) }
        for map in settings.maps { copy.mapFiles.append(collector.files(of: map)) }
        guard collector.problems.isEmpty else { throw SettingsProblems(list: collector.problems.sorted) }
        return copy
    }
}

extension Settings {
    /// The files that are read besides the configuration file: certificates, keys, passwords. Each once.
    public var namedFiles: [String] {
        var names: [String] = []
        for set in tls {
            names += set.certificate + set.key
            names += [set.keyPasswordFile, set.clientCA]
            for sni in set.sni { names += sni.certificate + sni.key + [sni.keyPasswordFile] }
        }
        for upstream in upstreams {
            names += upstream.tlsCertificate + upstream.tlsKey
            names += [upstream.tlsKeyPasswordFile, upstream.tlsCA, upstream.authPasswordFile, upstream.authTokenFile]
        }
        names += maps.map(\.passwordFile)
        return Set(names).filter { !$0.isEmpty }.sorted()
    }
}
