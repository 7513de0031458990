import Glibc

/// Where settings are taken from. The later in this list, the stronger.
public struct SettingsSources: Sendable {
    /// Read when no file is named; it need not be there.
    public static let standardFile = "/etc/mailrace/mailrace.toml"

    /// The file of `--config`; nil where there was none.
    public var file: String?
    /// The environment; only variables that begin with `MAILRACE_` count, and `CREDENTIALS_DIRECTORY`.
    public var environment: [String: String]
    /// What stood after each `--set`: `KEY=VALUE`.
    public var options: [String]

    public init(file: String? = nil, environment: [String: String] = [:], options: [String] = []) {
        self.file = file
        self.environment = environment
        self.options = options
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

    /// What the configuration says, for a command that does not serve: no file that it names is opened, because only
    /// the server may be allowed to.
    public static func readAlone(_ sources: SettingsSources) throws(SettingsProblems) -> Settings {
        try load(sources, standardFile: SettingsSources.standardFile, readsFiles: false).settings
    }

    static func load(
        _ sources: SettingsSources, standardFile: String, readsFiles: Bool = true
    ) throws(SettingsProblems) -> LoadedSettings {
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
        let credentials = sources.environment["CREDENTIALS_DIRECTORY"]
        let files = readsFiles ? draft.readFiles(credentials: credentials) : (tls: [], upstreams: [])
        try draft.finish()
        return LoadedSettings(
            draft, file: text == nil ? nil : name, tlsFiles: files.tls, upstreamFiles: files.upstreams,
            credentials: credentials)
    }

    /// Reads a configuration file's text, as if it had stood in `file`, and nothing else: no other file is opened.
    public static func read(
        _ text: [UInt8], file: String, environment: [String: String] = [:], options: [String] = []
    ) throws(SettingsProblems) -> LoadedSettings {
        let sources = SettingsSources(environment: environment, options: options)
        let draft = try Draft(text, file: file, sources)
        try draft.finish()
        return LoadedSettings(draft, file: file, tlsFiles: [], upstreamFiles: [])
    }
}
