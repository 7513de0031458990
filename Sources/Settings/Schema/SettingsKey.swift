/// What is known of one key of the configuration: the manual and its test are made from this.
public struct SettingsKey: Sendable, Hashable {
    /// In dotted form; `NAME` stands for a name that the user gives: `listener.NAME.starttls`.
    public let path: String
    /// What may be written: "one of "off", "offer", "require"".
    public let expected: String
    /// The default in TOML, or in words where it follows from other things; nil where the key must be given.
    public let standard: String?
    /// One line that says what the key does.
    public let summary: String

    /// Every key that this version reads, in the order of the manual.
    public static let all: [SettingsKey] = Settings.keys(under: "")

    static func join(_ section: String, _ name: String) -> String {
        section.isEmpty ? name : "\(section).\(name)"
    }
}
