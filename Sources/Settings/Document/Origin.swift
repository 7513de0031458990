/// Where a value or a key of the configuration comes from. Ordered as problems are listed.
public enum SettingsOrigin: Sendable, Hashable, Comparable {
    /// Mailrace's own default.
    case builtIn
    /// A file as a whole.
    case file(String)
    /// A place in a file; line and column count from 1.
    case place(file: String, line: Int, column: Int)
    /// An environment variable, by its name.
    case environment(String)
    /// A `--set` option: the how-manieth, from 1.
    case option(Int)
}

extension SettingsOrigin: CustomStringConvertible {
    public var description: String {
        switch self {
        case .builtIn: "default"
        case .file(let name): Quoting.printable(name)
        case .place(let file, let line, let column): "\(Quoting.printable(file)):\(line):\(column)"
        case .environment(let variable): "environment \(Quoting.printable(variable))"
        case .option: "--set"
        }
    }
}
