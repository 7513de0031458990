import Settings
import Testing

/// A configuration and the whole of what is said about it.
struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let problems: [String]

    init(_ name: String, _ text: String, _ problems: String...) {
        (self.name, self.text, self.problems) = (name, text, problems)
    }

    var testDescription: String { name }
}

/// What stands before a test's own text so that all that is required is there; 4 lines.
let relay = """
    [upstream.backend]
    servers = ["127.0.0.1:2500"]
    [listener.mx]
    upstream = "backend"

    """

func read(
    _ text: String, environment: [String: String] = [:], options: [String] = []
) throws(SettingsProblems) -> LoadedSettings {
    try Settings.read(Array(text.utf8), file: "m.toml", environment: environment, options: options)
}

/// The lines that a configuration is refused with; none where it is good.
func problems(
    _ text: String, environment: [String: String] = [:], options: [String] = []
) -> [String] {
    do {
        _ = try read(text, environment: environment, options: options)
        return []
    } catch {
        return error.list.map(\.description)
    }
}
