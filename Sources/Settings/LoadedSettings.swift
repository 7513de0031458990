/// Settings, what they were read from, and the files that they name.
public struct LoadedSettings: Sendable {
    public let settings: Settings
    /// The configuration file; nil where there is none and the built-in default holds.
    public let file: String?
    /// What is allowed but doubtful.
    public let warnings: [SettingsProblem]
    /// The files of the TLS sets, in their order; empty where they were not read.
    public internal(set) var tlsFiles: [TLSFiles]
    /// The files of the upstreams, in their order; empty where they were not read.
    public internal(set) var upstreamFiles: [UpstreamFiles]
    /// The files of the maps, in their order; empty where they were not read.
    public internal(set) var mapFiles: [MapFiles]
    /// Credentials of the service manager that could not be read; their files are not there.
    public let passedOver: [SettingsProblem]
    let document: Node
    /// The folder of the service manager's credentials; nil where there is none.
    let credentials: String?

    /// The effective configuration in TOML, complete; a comment says where each value comes from.
    public func printed() -> String {
        var printer = Printer(document: document)
        settings.print(&printer)
        return printer.text
    }

    /// Where these settings are read from another time. A configuration file that was there must be there again: that
    /// it is missing for a moment, while an editor saves it, must not bring back the built-in default.
    public func sourcesAgain(_ sources: SettingsSources) -> SettingsSources {
        var again = sources
        again.file = file ?? sources.file
        return again
    }

    /// A problem with the value of a key (`tls.default.key`, `tls.default.sni.0.key`), for what is found out only in
    /// use; `index` is that of a list's element.
    public func problem(with key: String, index: Int = 0, _ message: String) -> SettingsProblem {
        guard let node = document.find(key.split(separator: ".").map(String.init)) else {
            return SettingsProblem(origin: .builtIn, key: key, message: message)
        }
        var origin = node.origin
        if case .list(let elements) = node.content, elements.indices.contains(index) { origin = elements[index].origin }
        return SettingsProblem(origin: origin, key: node.path, message: message)
    }

    /// True where a key was given.
    public func has(_ key: String) -> Bool {
        document.find(key.split(separator: ".").map(String.init)) != nil
    }

    init(_ draft: Draft, file: String?, _ files: NamedFiles, credentials: String? = nil) {
        self.credentials = credentials
        settings = draft.settings
        document = draft.document
        warnings = draft.warnings
        self.file = file
        tlsFiles = files.tls
        upstreamFiles = files.upstreams
        mapFiles = files.maps
        passedOver = files.passedOver
    }
}
