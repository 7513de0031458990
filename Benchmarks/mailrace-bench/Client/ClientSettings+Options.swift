import TLS
import Wire

extension ClientSettings {
    /// The option that names one target, of a command that has these settings at `path`.
    static func targetOption<Command>(_ path: WritableKeyPath<Command, ClientSettings>) -> Option<Command> {
        Option("target", "ADDRESS:PORT", "Where to connect to.") { (command, text) throws(UsageError) in
            command[keyPath: path].target = try Values.address(text)
        }
    }

    /// The options that set the others.
    static func options<Command>(_ path: WritableKeyPath<Command, ClientSettings>) -> [Option<Command>] {
        [
            Option("helo", "NAME", "The name to say EHLO with. [client.example]") { command, text in
                command[keyPath: path].helo = text
            },
            Option("from", "ADDRESS", "The sender. [sender@bench.example]") { command, text in
                command[keyPath: path].sender = text
            },
            Option("to", "ADDRESS", "The recipient. [recipient@bench.example]") { command, text in
                command[keyPath: path].recipient = text
            },
            Option("recipients", "N", "Recipients a message. [1]") { (command, text) throws(UsageError) in
                command[keyPath: path].recipients = try Values.count(text, in: 1...recipientsLimit)
            },
            Option("recipients-from", "FILE", "Take the recipients from FILE in turn, an address a line.") {
                (command, text) throws(UsageError) in
                command[keyPath: path].recipientList = try RecipientFile.read(text)
            },
            Option("size", "BYTES", "Bytes of each message's body; k, M, G as units. [4k]") {
                (command, text) throws(UsageError) in
                command[keyPath: path].sizes = SizeMix(bytes: try Values.size(text))
            },
            Option("size-mix", "SIZE:WEIGHT,...", "Bodies of several sizes, as in 4k:80,64k:15,1M:5.") {
                (command, text) throws(UsageError) in command[keyPath: path].sizes = try SizeMix(text)
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
            Option("bdat", "BYTES", "Send messages in BDAT chunks of this size instead of by DATA.") {
                (command, text) throws(UsageError) in
                let bytes = try Values.size(text)
                guard (1...chunkLimitBytes).contains(bytes) else { throw UsageError("a chunk has 1 to 64M bytes") }
                command[keyPath: path].chunkBytes = bytes
            },
            Option(flag: "lmtp", "Speak LMTP: LHLO, and a reply for each recipient.") {
                $0[keyPath: path].isLMTP = true
            },
        ] + tlsOptions(path) + identityOptions(path)
    }

    private static let chunkLimitBytes = 64 << 20

    private static func tlsOptions<Command>(
        _ path: WritableKeyPath<Command, ClientSettings>
    ) -> [Option<Command>] {
        [
            Option(flag: "starttls", "Secure every session with STARTTLS.") { $0[keyPath: path].startsTLS = true },
            Option(flag: "tls", "Secure every session from its first byte on.") {
                $0[keyPath: path].isTLSImplicit = true
            },
            Option(flag: "resume", "Take up an earlier session's TLS where the target lets us.") {
                $0[keyPath: path].resumes = true
            },
            Option("tls-version", "VERSION", "Speak this version alone: TLS1.2 or TLS1.3.") {
                (command, text) throws(UsageError) in
                command[keyPath: path].tlsVersion = try Values.choice(text)
            },
            Option("server-name", "NAME", "The name to ask for in the handshake (SNI).") { command, text in
                command[keyPath: path].serverName = text
            },
        ]
    }

    private static func identityOptions<Command>(
        _ path: WritableKeyPath<Command, ClientSettings>
    ) -> [Option<Command>] {
        let nobody = Credentials(mechanism: .plain, user: "", password: "")
        return [
            Option("auth", "MECHANISM", "Log in by AUTH: plain, login or cram-md5. Needs --user.") {
                (command, text) throws(UsageError) in
                command[keyPath: path].credentials = command[keyPath: path].credentials ?? nobody
                command[keyPath: path].credentials?.mechanism = try Values.choice(text)
            },
            Option("user", "NAME", "Who to log in as; by PLAIN unless --auth says otherwise.") { command, text in
                command[keyPath: path].credentials = command[keyPath: path].credentials ?? nobody
                command[keyPath: path].credentials?.user = text
            },
            Option("password-file", "FILE", "The password: the first line of FILE. [empty]") {
                (command, text) throws(UsageError) in
                command[keyPath: path].credentials = command[keyPath: path].credentials ?? nobody
                command[keyPath: path].credentials?.password = try Credentials.password(inFile: text)
            },
            Option("proxy", "VERSION", "Begin each connection with a PROXY header: v1 or v2.") {
                (command, text) throws(UsageError) in
                guard let version = ["v1": ProxyHeader.Version.v1, "v2": .v2][text] else {
                    throw UsageError("'\(text)' is none of v1, v2")
                }
                let clients = command[keyPath: path].proxy ?? MadeUpClients()
                command[keyPath: path].proxy = MadeUpClients(version: version, network: clients.network)
            },
            Option("proxy-clients", "NETWORK", "The clients that PROXY headers (v2 unless said) name. [198.18.0.0/15]")
            {
                (command, text) throws(UsageError) in
                let version = command[keyPath: path].proxy?.version ?? .v2
                do throws(IPNetworkError) {
                    command[keyPath: path].proxy = MadeUpClients(version: version, network: try IPNetwork(text))
                } catch {
                    throw UsageError("'\(text)': \(error)")
                }
            },
        ]
    }
}

/// Files of recipients.
private enum RecipientFile {
    /// A million addresses, or so.
    private static let limitBytes = 64 << 20

    static func read(_ path: String) throws(UsageError) -> [String] {
        let bytes: [UInt8]
        do throws(Unavailable) {
            bytes = try SmallFile.read(path, limitBytes: limitBytes).bytes
        } catch {
            throw UsageError(error.reason)
        }
        let lines = String(decoding: bytes, as: UTF8.self).unicodeScalars.split { $0 == "\n" || $0 == "\r" }
        let addresses = lines.map { String($0) }
        guard !addresses.isEmpty else { throw UsageError("'\(path)' has no addresses") }
        guard addresses.allSatisfy(ClientSettings.fitsInALine) else {
            throw UsageError("'\(path)' has a line that is no address")
        }
        return addresses
    }
}
