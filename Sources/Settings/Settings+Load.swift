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
    /// A configuration that stands in no file, for programs that embed Mailrace; then no configuration file is read.
    public var text: String?

    public init(
        file: String? = nil, environment: [String: String] = [:], options: [String] = [], text: String? = nil
    ) {
        self.file = file
        self.text = text
        self.environment = environment
        self.options = options
    }
}

extension Settings {
    /// Reads the configuration file, lays environment and options over it, and reads the files that it names.
    ///
    /// With no file at all the built-in default holds: a listener on 127.0.0.1:2525 that relays to 127.0.0.1:25.
    /// Throws every problem there is, not only the first.
    ///
    /// - Parameter passesOverCredentials: credentials of the service manager that cannot be read are no problem; the
    ///   value then tells of them, and lacks their files.
    public static func load(
        _ sources: SettingsSources, passesOverCredentials: Bool = false
    ) throws(SettingsProblems) -> LoadedSettings {
        try load(sources, standardFile: SettingsSources.standardFile, passesOverCredentials: passesOverCredentials)
    }

    static func load(
        _ sources: SettingsSources, standardFile: String, passesOverCredentials: Bool = false
    ) throws(SettingsProblems) -> LoadedSettings {
        var (draft, file) = try draft(sources, standardFile: standardFile)
        let credentials = sources.environment["CREDENTIALS_DIRECTORY"]
        let files = draft.readFiles(credentials: credentials, passesOverCredentials: passesOverCredentials)
        try draft.finish()
        return LoadedSettings(draft, file: file, files, credentials: credentials)
    }

    /// As `load`, but the files that the configuration names are not opened: for who only asks where a running Mailrace
    /// is to be found, and may neither read its keys nor see the credentials of its unit.
    public static func loadWithoutNamedFiles(_ sources: SettingsSources) throws(SettingsProblems) -> LoadedSettings {
        let (draft, file) = try draft(sources, standardFile: SettingsSources.standardFile)
        try draft.finish()
        return LoadedSettings(draft, file: file, NamedFiles())
    }

    /// - Returns: the file's name, too; nil where there is none.
    private static func draft(
        _ sources: SettingsSources, standardFile: String
    ) throws(SettingsProblems) -> (draft: Draft, file: String?) {
        if let text = sources.text {
            return (try Draft(Array(text.utf8), file: "configuration", sources), nil)
        }
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
        return (try Draft(text, file: name, sources), text == nil ? nil : name)
    }

    /// Reads a configuration file's text, as if it had stood in `file`, and nothing else: no other file is opened.
    public static func read(
        _ text: [UInt8], file: String, environment: [String: String] = [:], options: [String] = []
    ) throws(SettingsProblems) -> LoadedSettings {
        let sources = SettingsSources(environment: environment, options: options)
        let draft = try Draft(text, file: file, sources)
        try draft.finish()
        return LoadedSettings(draft, file: file, NamedFiles())
    }
}
