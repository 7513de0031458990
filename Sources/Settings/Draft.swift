/// Settings as far as they could be read, and what is wrong with them.
struct Draft {
    private(set) var settings = Settings()
    private(set) var document: Node
    private(set) var warnings: [SettingsProblem] = []
    private var problems = ProblemCollector()

    /// Throws only where the text is no TOML: then nothing more can be said about it.
    init(_ text: [UInt8]?, file: String, _ sources: SettingsSources) throws(SettingsProblems) {
        let variables = sources.environment.sorted { $0.key < $1.key }
        var overrides = variables.compactMap { Override(variable: $0.key, value: $0.value) }
        for (index, option) in sources.options.enumerated() {
            if let override = Override(option: option, number: index + 1, problems: &problems) {
                overrides.append(override)
            }
        }
        document = Node(origin: .file(file))
        if let text {
            guard let parsed = TomlText.parse(text, file: file, problems: &problems) else {
                throw SettingsProblems(list: problems.sorted)
            }
            document = parsed["mailrace"].flatMap { $0.isTable ? $0.asRoot() : nil } ?? parsed
        } else if !overrides.contains(where: \.isAnotherListener) {
            overrides = Override.builtIn + overrides
        }
        for override in overrides { document.apply(override) }
        document.inheritListenerDefaults()

        settings.read(document, problems: &problems)
        var review = Review(settings, document: document)
        review.run(problems: &problems)
        warnings = review.warnings.sorted
    }

    /// - Parameter credentials: the folder of the service manager's credentials.
    mutating func readFiles(credentials: String?, passesOverCredentials: Bool) -> NamedFiles {
        var collector = FileCollector(
            document: document, credentials: credentials, passesOverCredentials: passesOverCredentials)
        var files = NamedFiles()
        for tls in settings.tls { files.tls.append(collector.files(of: tls)) }
        for upstream in settings.upstreams { files.upstreams.append(collector.files(of: upstream)) }
        for map in settings.maps { files.maps.append(collector.files(of: map)) }
        for problem in collector.problems.sorted { problems.report(problem) }
        files.passedOver = collector.passedOver.sorted
        return files
    }

    func finish() throws(SettingsProblems) {
        guard problems.isEmpty else { throw SettingsProblems(list: problems.sorted) }
    }
}

extension Override {
    /// What holds where there is no file.
    fileprivate static let builtIn = [
        Override(builtIn: ["listener", "default", "listen"], value: "127.0.0.1:2525"),
        Override(builtIn: ["listener", "default", "upstream"], value: "default"),
        Override(builtIn: ["upstream", "default", "servers"], value: "127.0.0.1:25"),
    ]

    /// True for one that makes the built-in listener superfluous.
    fileprivate var isAnotherListener: Bool {
        path.first == "listener" && path.dropFirst().first != "default"
    }
}

extension Node {
    /// Gives each listener what `[listener_defaults]` and, below that, `[timeouts]` and `[runtime]` say.
    fileprivate mutating func inheritListenerDefaults() {
        guard case .table(var members) = content else { return }
        var shared = self
        let limit = find(["runtime", "max_sessions_per_address"])
        shared.content = .table(members.filter { $0.name == "timeouts" } + [limit].compactMap { $0 })
        let defaults = (self["listener_defaults"] ?? Node(origin: .builtIn)).filled(from: shared)
        guard let index = members.firstIndex(where: { $0.name == "listener" }), members[index].isTable else { return }
        members[index].content = .table(members[index].children.map { $0.filled(from: defaults) })
        content = .table(members)
    }
}
