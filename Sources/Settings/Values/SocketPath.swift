extension Settings {
    /// Where a Unix socket is: a file (`/run/x.sock`), or a name that only the kernel knows (`@x`).
    public struct SocketPath: Sendable, Hashable {
        /// What stands before it where an IP address could stand as well.
        static let prefix = "unix:"
        /// What the kernel takes: 108 bytes with the zero at the end.
        static let bytesMax = 107

        /// Begins with `/` or `@`, has more than that, and no control characters; at most 107 bytes.
        public let text: String

        /// Nil for what is no such text.
        public init?(_ text: String) {
            guard text.hasPrefix("/") || text.hasPrefix("@"), (2...Self.bytesMax).contains(text.utf8.count),
                !Control.found(in: text)
            else { return nil }
            self.text = text
        }
    }
}

extension Settings.SocketPath: CustomStringConvertible {
    public var description: String { text }

    /// Reads `path`, which was written as `text`.
    static func parse(_ path: Substring, writtenAs text: String) -> Parsed<Settings.SocketPath> {
        if let value = Settings.SocketPath(String(path)) { return .value(value) }
        let shown = Quoting.shown(text)
        if path.utf8.count > bytesMax {
            return .refused("\(shown): the path of a socket has at most \(bytesMax) bytes")
        }
        return .refused("\(shown): the path of a socket begins with / (a file) or @ (a name of the kernel's)")
    }
}
