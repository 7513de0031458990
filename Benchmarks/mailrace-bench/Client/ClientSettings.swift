import Ring
import TLS

/// How clients speak to the target. One value for all shards.
struct ClientSettings: Sendable {
    var target: SocketAddress?
    var helo = "client.example"
    var sender = "sender@bench.example"
    var recipient = "recipient@bench.example"
    /// Bytes of each message's body.
    var bodyBytes = 4_096
    /// The same seed makes the same bodies.
    var seed: UInt64 = 1
    /// How long each step of a session may take.
    var timeout = Duration.seconds(30)
    var shards = 1
    var startsTLS = false
    /// Nil: whatever both sides know.
    var tlsVersion: TLSVersion?
    /// What the handshake asks for (SNI); nil: nothing.
    var serverName: String?

    /// For STARTTLS; the certificate is not looked at, for it is the target's speed that matters.
    var tls: TLSClientConfiguration? {
        guard startsTLS else { return nil }
        var configuration = TLSClientConfiguration(authorities: .none)
        if let tlsVersion {
            configuration.parameters.minimumVersion = tlsVersion
            configuration.parameters.maximumVersion = tlsVersion
        }
        return configuration
    }

    func validate() throws(UsageError) {
        guard bodyBytes != 1 else { throw UsageError("--size: a body ends with CRLF, so it is 0 or at least 2") }
        guard startsTLS || tlsVersion == nil && serverName == nil else {
            throw UsageError("--tls-version and --server-name need --starttls")
        }
    }

    /// The options that set these settings, of a command that has them at `path`.
    static func options<Command>(_ path: WritableKeyPath<Command, ClientSettings>) -> [Option<Command>] {
        [
            Option("target", "ADDRESS:PORT", "Where to connect to.") { (command, text) throws(UsageError) in
                command[keyPath: path].target = try Values.address(text)
            },
            Option("helo", "NAME", "The name to say EHLO with. [client.example]") { command, text in
                command[keyPath: path].helo = text
            },
            Option("from", "ADDRESS", "The sender. [sender@bench.example]") { command, text in
                command[keyPath: path].sender = text
            },
            Option("to", "ADDRESS", "The recipient. [recipient@bench.example]") { command, text in
                command[keyPath: path].recipient = text
            },
            Option("size", "BYTES", "Bytes of each message's body; k, M, G as units. [4k]") {
                (command, text) throws(UsageError) in command[keyPath: path].bodyBytes = try Values.size(text)
            },
            Option("seed", "N", "The same number makes the same bodies. [1]") { (command, text) throws(UsageError) in
                command[keyPath: path].seed = UInt64(try Values.count(text, in: 0...Int.max))
            },
            Option("timeout", "TIME", "How long each step of a session may take. [30s]") {
                (command, text) throws(UsageError) in command[keyPath: path].timeout = try Values.duration(text)
            },
            Option("shards", "N", "Threads, each with its own ring. [1]") { (command, text) throws(UsageError) in
                command[keyPath: path].shards = try Values.shards(text)
            },
        ] + tlsOptions(path)
    }

    private static func tlsOptions<Command>(
        _ path: WritableKeyPath<Command, ClientSettings>
    ) -> [Option<Command>] {
        [
            Option(flag: "starttls", "Secure every session with STARTTLS.") { $0[keyPath: path].startsTLS = true },
            Option("tls-version", "VERSION", "Speak this version alone: TLS1.2 or TLS1.3.") {
                (command, text) throws(UsageError) in
                guard let version = TLSVersion(rawValue: text) else {
                    throw UsageError(
                        "'\(text)' is none of \(TLSVersion.allCases.map(\.rawValue).joined(separator: ", "))")
                }
                command[keyPath: path].tlsVersion = version
            },
            Option("server-name", "NAME", "The name to ask for in the handshake (SNI).") { command, text in
                command[keyPath: path].serverName = text
            },
        ]
    }
}
