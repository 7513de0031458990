import Lookup
import Policy
import Relay
import Ring
public import Settings
import TLS

/// What the settings come to, in the terms of the relay, and what is doubtful about it.
struct LoadedPlan {
    /// In the order of the file.
    let listeners: [Listener]
    let upstreams: [UpstreamSettings]
    let authenticators: [AuthenticatorPlan]
    let maps: [MapPlan]
    let resolver: ResolverConfiguration
    let warnings: [SettingsProblem]

    struct Listener {
        let settings: ListenerSettings
        let statPrefix: String
        /// The name of an upstream: the listener's own, or one that its routes lead to.
        let upstream: String
        let routing: RoutingPlan
        /// The name of an authenticator; nil: none.
        let authenticator: String?
        /// Messages that a client's address may begin.
        let messageRate: RateLimitTable.Values
        let looksUpClientNames: Bool
        let places: [ListenPlace]
        /// Its certificates are those that it had in the plan before.
        let hasKeptTLS: Bool
    }
}

extension LoadedSettings {
    /// Tries what `Settings` itself cannot judge: certificates, keys and lists of ciphers.
    ///
    /// - Parameter policies: what the program brings that Mailrace is embedded in.
    /// - Returns: what is doubtful.
    /// - Throws: everything that OpenSSL cannot use, and authenticators that nobody brings.
    public func checkFiles(_ policies: ProgramPolicies = ProgramPolicies()) throws(SettingsProblems)
        -> [SettingsProblem]
    {
        let warnings = try planned(after: nil, policies).warnings
        let problems = settings.maps.compactMap(problemOfDatabase)
        guard problems.isEmpty else { throw SettingsProblems(list: problems) }
        return warnings
    }

    /// What is wrong with a database that is a file, or with what it is asked. Who serves does not look: it may be
    /// locked, and come back.
    private func problemOfDatabase(of map: Settings.Map) -> SettingsProblem? {
        guard map.type == .sqlite else { return nil }
        let failure = SQLPool.problem(with: .sqlite(map.file), asking: map.query, timeout: map.timeout)
        return failure.map { problem(with: "map.\(map.name).file", "\(map.file): \($0)") }
    }

    /// - Parameter former: what is in force; sessions that clients may take up again by their tickets remain so.
    /// - Parameter keepsRoutes: a file of routes that has become bad is doubtful, and no problem.
    /// - Throws: every certificate, key or list of ciphers that OpenSSL cannot use, and authenticators that nobody
    ///   brings.
    func planned(
        after former: LoadedPlan?, _ policies: ProgramPolicies = ProgramPolicies(), keepsRoutes: Bool = false
    ) throws(SettingsProblems) -> LoadedPlan {
        var trial = TLSTrial(loaded: self)
        let listeners = settings.listeners.map { listener in
            let before = former?.listeners.first { $0.settings.name == listener.name }?.settings.tls
            let result = listenerSettings(of: listener, ticketKeys: before?.ticketKeys ?? TLSTicketKeys())
            if let tls = result.tls { trial.run(tls, ofSet: listener.tls ?? "") }
            return LoadedPlan.Listener(
                settings: result, statPrefix: listener.statPrefix, upstream: firstUpstream(of: listener),
                routing: RoutingPlan(listener),
                authenticator: listener.depth == .envelope ? listener.authentication.authenticator : nil,
                messageRate: messageRate(of: listener),
                looksUpClientNames: listener.depth == .envelope && listener.looksUpClientNames,
                places: listener.places, hasKeptTLS: result.tls == before)
        }
        let upstreams = settings.upstreams.map(upstreamSettings)
        for upstream in settings.upstreams where upstream.authentication == .own {
            if ownCredentials(for: upstream) == nil { trial.note(secretOf: upstream) }
        }
        for upstream in upstreams {
            if let tls = upstream.tlsClient { trial.run(tls, ofUpstream: upstream.name) }
        }
        // Those that no listener shows yet, too.
        for set in settings.tls where !settings.listeners.contains(where: { $0.hasTLS && $0.tls == set.name }) {
            let tls = serverConfiguration(of: set, listener: "", ticketKeys: nil)
            if let tls { trial.run(tls, ofSet: set.name) }
        }
        for authenticator in settings.authenticators where AuthenticatorPlan(authenticator, policies) == nil {
            trial.note(authenticatorOfNobody: authenticator)
        }
        for authenticator in settings.authenticators { trial.run(authenticator) }
        let maps = settings.maps.map { mapPlan(of: $0, after: former?.maps ?? []) }
        for map in maps { trial.run(map, keepsRoutes: keepsRoutes) }
        guard trial.problems.isEmpty else { throw SettingsProblems(list: trial.problems.withoutRepetitions) }
        return LoadedPlan(
            listeners: listeners, upstreams: upstreams,
            authenticators: settings.authenticators.compactMap { AuthenticatorPlan($0, policies) },
            maps: maps, resolver: resolverConfiguration,
            warnings: trial.warnings.withoutRepetitions)
    }

    /// The upstream whose pool a listener has for its own.
    private func firstUpstream(of listener: Settings.Listener) -> String {
        if !listener.upstream.isEmpty { return listener.upstream }
        guard let upstream = settings.upstreams(of: listener).first ?? settings.upstreams.first else {
            preconditionFailure("the settings took a listener that leads nowhere")
        }
        return upstream.name
    }

    /// True where the files that the configuration names hold what they hold in `other`.
    func hasTheFiles(of other: LoadedSettings) -> Bool {
        tlsFiles == other.tlsFiles && upstreamFiles == other.upstreamFiles
            && mapFiles == other.mapFiles
    }
}

/// Has OpenSSL read what sessions will need, before one does.
private struct TLSTrial {
    let loaded: LoadedSettings
    private(set) var problems: [SettingsProblem] = []
    private(set) var warnings: [SettingsProblem] = []
    /// Sets that have been tried: listeners that share one differ in nothing that could be wrong.
    private var triedSets: Set<String> = []
    /// Those that have been tried: most upstreams are met alike.
    private var soundClients: [TLSClientConfiguration] = []

    init(loaded: LoadedSettings) {
        self.loaded = loaded
    }

    mutating func run(_ configuration: TLSServerConfiguration, ofSet name: String) {
        guard triedSets.insert(name).inserted else { return }
        let files = loaded.tlsFiles.first { $0.name == name }?.all ?? []
        note("tls.\(name)", files) { () throws(TLSConfigurationError) in try TLSServerContext(configuration).doubts }
    }

    mutating func run(_ configuration: TLSClientConfiguration, ofUpstream name: String) {
        guard !soundClients.contains(configuration) else { return }
        let files = loaded.upstreamFiles.first { $0.name == name }?.all ?? []
        let found = problems.count + warnings.count
        note("upstream.\(name)", files) { () throws(TLSConfigurationError) in
            try TLSClientContext(configuration).doubts
        }
        if problems.count + warnings.count == found { soundClients.append(configuration) }
    }

    /// Reads the files of an authenticator.
    mutating func run(_ authenticator: Settings.Authenticator) {
        let table = "authenticator.\(authenticator.name)"
        if authenticator.type == .file, let reason = PasswordStore.problem(with: authenticator.file) {
            problems.append(loaded.problem(with: "\(table).file", "\(authenticator.file): \(reason)"))
        }
        if authenticator.type == .http { run(authorities: authenticator.tlsCA, "\(table).tls_ca") }
    }

    /// Reads a file of authorities that a library will read.
    private mutating func run(authorities path: String, _ key: String) {
        guard !path.isEmpty else { return }
        do {
            let text = try FileReader.read(path, bytesMax: Self.authoritiesBytesMax)
            let file = TLSFile(name: path, bytes: text)
            _ = try TLSClientContext(TLSClientConfiguration(authorities: .file(file)))
        } catch let error as TLSConfigurationError {
            problems.append(loaded.problem(with: key, "\(path): \(error.problem)"))
        } catch {
            problems.append(loaded.problem(with: key, "\(path): \(error)"))
        }
    }

    /// Reads the files of a map.
    mutating func run(_ map: MapPlan, keepsRoutes: Bool) {
        run(authorities: map.settings.tlsCA, "map.\(map.settings.name).tls_ca")
        guard let store = map.store else { return }
        store.refresh()
        let key = "map.\(map.settings.name).file"
        if let problem = store.problem {
            let found = loaded.problem(with: key, "\(store.path): \(problem)")
            if keepsRoutes && store.hasRoutes { warnings.append(found) } else { problems.append(found) }
        }
        warnings += store.doubts.map { loaded.problem(with: key, "\(store.path): \($0)") }
    }

    /// Of a file with authorities.
    private static let authoritiesBytesMax = 4 << 20

    mutating func note(authenticatorOfNobody authenticator: Settings.Authenticator) {
        let key = "authenticator.\(authenticator.name).type"
        let reason = "\"program\" is for a program that embeds Mailrace and brings an authenticator of this name"
        problems.append(loaded.problem(with: key, reason))
    }

    mutating func note(secretOf upstream: Settings.Upstream) {
        guard let file = loaded.upstreamFiles.first(where: { $0.name == upstream.name })?.secret else { return }
        let what = upstream.authTokenFile.isEmpty ? "password" : "token"
        problems.append(loaded.problem(with: file.key, "\(file.path): its first line is no \(what)"))
    }

    private mutating func note(
        _ table: String, _ files: [SettingsFile], doubts: () throws(TLSConfigurationError) -> [TLSConfigurationError]
    ) {
        do throws(TLSConfigurationError) {
            warnings += try doubts().map { problem($0, table, files) }
        } catch {
            problems.append(problem(error, table, files))
        }
    }

    /// At the key that names the file, or has the value, of which OpenSSL speaks.
    private func problem(_ error: TLSConfigurationError, _ table: String, _ files: [SettingsFile]) -> SettingsProblem {
        if let file = files.first(where: { $0.reference == error.subject }) {
            let reason =
                if case .notTheKey(let reference) = error.problem {
                    TLSConfigurationError.Problem.notTheKey(
                        of: files.first { $0.reference == reference }?.path ?? reference)
                } else { error.problem }
            return loaded.problem(with: file.key, index: file.index, "\(file.path): \(reason)")
        }
        let key = "\(table).\(error.subject)"
        return loaded.has(key)
            ? loaded.problem(with: key, error.problem.description) : loaded.problem(with: table, error.description)
    }
}

extension Settings.Listener {
    fileprivate var places: [ListenPlace] {
        listen.map { listen in
            let isIPv6 = listen.endpoint?.isIPv6 ?? false
            return ListenPlace(listener: name, address: SocketAddress(listen), ipv6Only: isIPv6 && isIPv6Only)
        }
    }
}

extension [SettingsProblem] {
    /// Listeners that share a TLS set share its problems.
    fileprivate var withoutRepetitions: [SettingsProblem] {
        var seen: Set<SettingsProblem> = []
        return filter { seen.insert($0).inserted }
    }
}
