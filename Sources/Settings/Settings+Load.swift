import Glibc

/// Where settings are taken from. The later in this list, the stronger.
public struct SettingsSources: Sendable {
    /// Read when no file is named; it need not be there.
    public static let standardFile = "/etc/mailrace/mailrace.toml"

    /// The file of `--config`; nil where there was none.
    public var file: String?
    /// The environment; only variables that begin with `MAILRACE_` count.
    public var environment: [String: String]
    /// What stood after each `--set`: `KEY=VALUE`.
    public var options: [String]

    public init(file: String? = nil, environment: [String: String] = [:], options: [String] = []) {
        self.file = file
        self.environment = environment
        self.options = options
    }
}

/// Settings, what they were read from, and the files that they name.
public struct LoadedSettings: Sendable {
    public let settings: Settings
    /// The configuration file; nil where there is none and the built-in default holds.
    public let file: String?
    /// What is allowed but doubtful.
    public let warnings: [SettingsProblem]
    /// The files of the TLS sets, in their order; empty after `Settings.read`.
    public let tlsFiles: [TLSFiles]
    private let document: Node

    /// The effective configuration in TOML, complete; a comment says where each value comes from.
    public func printed() -> String {
        var printer = Printer(document: document)
        settings.print(&printer)
        return printer.text
    }

    /// A problem with the value of a key (`tls.default.key`), for what is found out only in use; `index` is that of a
    /// list's element.
    public func problem(with key: String, index: Int = 0, _ message: String) -> SettingsProblem {
        guard let node = document.find(key.split(separator: ".").map(String.init)) else {
            return SettingsProblem(origin: .builtIn, key: key, message: message)
        }
        var origin = node.origin
        if case .list(let elements) = node.content, elements.indices.contains(index) { origin = elements[index].origin }
        return SettingsProblem(origin: origin, key: node.path, message: message)
    }

    fileprivate init(_ draft: Draft, file: String?, tlsFiles: [TLSFiles]) {
        settings = draft.settings
        document = draft.document
        warnings = draft.warnings
        self.file = file
        self.tlsFiles = tlsFiles
    }
}

extension Settings {
    /// Reads the configuration file, lays environment and options over it, and reads the files that it names.
    ///
    /// With no file at all the built-in default holds: a listener on 127.0.0.1:2525 that relays to 127.0.0.1:25.
    /// Throws every problem there is, not only the first.
    public static func load(_ sources: SettingsSources) throws(SettingsProblems) -> LoadedSettings {
        try load(sources, standardFile: SettingsSources.standardFile)
    }

    static func load(_ sources: SettingsSources, standardFile: String) throws(SettingsProblems) -> LoadedSettings {
        let name = sources.file ?? standardFile
        let text: [UInt8]?
        do {
            text = try FileReader.read(name, bytesMax: TomlText.bytesMax)
        } catch .system(ENOENT) where sources.file == nil {
            text = nil
        } catch {
            let problem = SettingsProblem(origin: .file(name), key: nil, message: "cannot read the file: \(error)")
            throw SettingsProblems(list: [problem])
        }
        var draft = try Draft(text, file: name, sources)
        let tlsFiles = draft.readFiles()
        try draft.finish()
        return LoadedSettings(draft, file: text == nil ? nil : name, tlsFiles: tlsFiles)
    }

    /// Reads a configuration file's text, as if it had stood in `file`, and nothing else: no other file is opened.
    public static func read(
        _ text: [UInt8], file: String, environment: [String: String] = [:], options: [String] = []
    ) throws(SettingsProblems) -> LoadedSettings {
        let sources = SettingsSources(environment: environment, options: options)
        let draft = try Draft(text, file: file, sources)
        try draft.finish()
        return LoadedSettings(draft, file: file, tlsFiles: [])
    }
}

/// Settings as far as they could be read, and what is wrong with them.
private struct Draft {
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

    mutating func readFiles() -> [TLSFiles] {
        settings.tls.map { tls in
            TLSFiles(tls, table: document.find(["tls", tls.name]), problems: &problems)
        }
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
    /// Gives each listener what `[listener_defaults]` and, below that, `[timeouts]` say.
    fileprivate mutating func inheritListenerDefaults() {
        guard case .table(var members) = content else { return }
        var shared = self
        shared.content = .table(members.filter { $0.name == "timeouts" })
        let defaults = (self["listener_defaults"] ?? Node(origin: .builtIn)).filled(from: shared)
        guard let index = members.firstIndex(where: { $0.name == "listener" }), members[index].isTable else { return }
        members[index].content = .table(members[index].children.map { $0.filled(from: defaults) })
        content = .table(members)
    }
}
