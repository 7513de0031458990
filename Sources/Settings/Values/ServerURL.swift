extension Settings {
    /// Where to ask by HTTP: `http://host[:port][/path]`, `https://...`, `unix:/path/of/socket[:/path]`. Without a
    /// scheme `http` is meant.
    public struct ServerURL: Sendable, Hashable {
        static let bytesMax = 2_048

        /// As it was written: visible US-ASCII, at most 2,048 bytes.
        public let text: String
    }
}

extension Settings.ServerURL: CustomStringConvertible {
    /// For what others see: of a query, which may hold a key, one sees that it is there.
    public var description: String { Self.hidingQuery(of: text) }

    /// For problems and warnings: without the query.
    var shown: Substring { text.prefix { $0 != "?" } }

    private static func hidingQuery(of text: String) -> String {
        guard let mark = text.firstIndex(of: "?") else { return text }
        return text[...mark] + "(hidden)"
    }

    /// What is no URL, or the `part` of it that is wrong, in quotes. Where there is an @ nobody knows what of it is a
    /// password.
    private static func quoted(_ text: String, part: Substring? = nil) -> String {
        let mayHoldPassword = text.utf8.contains(UInt8(ascii: "@")) && !text.hasPrefix(Settings.SocketPath.prefix)
        return Quoting.shown(mayHoldPassword ? "(hidden)" : part.map(String.init) ?? hidingQuery(of: text))
    }

    /// True where what is asked and answered goes over a network in the clear.
    var isOpen: Bool {
        guard !text.lowercased().hasPrefix("https://"), !text.hasPrefix(Settings.SocketPath.prefix) else {
            return false
        }
        guard case .value(let server) = Self.server(of: text) else { return false }
        switch server {
        case .ip(let endpoint): return !endpoint.isLoopback
        case .host(let name, _): return name != "localhost"
        case .unix: return false
        }
    }

    static func parse(_ text: String) -> Parsed<Settings.ServerURL> {
        let shown = quoted(text)
        guard !text.isEmpty, text.utf8.count <= bytesMax, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            !text.utf8.contains(UInt8(ascii: "#"))
        else { return .refused("\(shown) is not a URL; expected one as in \"http://127.0.0.1:9000/auth\"") }
        if text.hasPrefix(Settings.SocketPath.prefix) {
            let parts = text.dropFirst(Settings.SocketPath.prefix.count).split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, !parts[1].hasPrefix("/") {
                return .refused(
                    "\(shown): what stands behind the socket begins with /, as in \"unix:/run/x.sock:/auth\"")
            }
            return Settings.SocketPath.parse(parts[0], writtenAs: hidingQuery(of: text)).map { _ in Self(text: text) }
        }
        return server(of: text).map { _ in Self(text: text) }
    }

    /// The server that is asked.
    private static func server(of text: String) -> Parsed<Settings.ServerAddress> {
        let scheme = ["https://", "http://"].first { text.lowercased().hasPrefix($0) } ?? ""
        let rest = text.dropFirst(scheme.utf8.count)
        let place = rest.prefix { $0 != "/" && $0 != "?" }
        if place.utf8.contains(UInt8(ascii: "@")) {
            // Without the text: a password is in it.
            return .refused("a user is not taken in a URL; a header can tell a key")
        }
        switch Settings.ServerAddress.parse(String(place)) {
        case .value(.host(name: "unix", _)):
            return .refused("\(quoted(text)): \"unix\" is taken for a socket; give the server another name")
        case .value(.unix): return .refused("\(quoted(text)): a Unix socket stands without a scheme")
        case .value(let address): return .value(address)
        case .refused:
            return .refused(
                "\(quoted(text)): \(quoted(text, part: place)) is no server; expected one as in"
                    + " \"127.0.0.1:9000\" or \"auth.example.com\"")
        }
    }
}

extension Kind where Value == Settings.ServerURL {
    static var serverURL: Kind { .described("a URL, as in \"http://127.0.0.1:9000/auth\"", parse: Value.parse) }
}
