/// Settings, what they were read from, and the files that they name.
public struct LoadedSettings: Sendable {
    public let settings: Settings
    /// The configuration file; nil where there is none and the built-in default holds.
    public let file: String?
    /// What is allowed but doubtful.
    public let warnings: [SettingsProblem]
    /// The files of the TLS sets, in their order; empty after `Settings.read`.
    public internal(set) var tlsFiles: [TLSFiles]
    /// The files of the upstreams, in their order; empty after `Settings.read`.
    public internal(set) var upstreamFiles: [UpstreamFiles]
    let document: Node

    /// The effective configuration in TOML, complete; a comment says where each value comes from.
    public func printed() -> String {
        var printer = Printer(document: document)
        settings.print(&printer)
        return printer.text
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

    init(_ draft: Draft, file: String?, tlsFiles: [TLSFiles], upstreamFiles: [UpstreamFiles]) {
        settings = draft.settings
        document = draft.document
        warnings = draft.warnings
        self.file = file
        self.tlsFiles = tlsFiles
        self.upstreamFiles = upstreamFiles
    }
}
