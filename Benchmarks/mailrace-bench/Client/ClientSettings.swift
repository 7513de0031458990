import Ring
import TLS

/// How clients speak to the target. One value for all shards.
struct ClientSettings: Sendable {
    var target: SocketAddress?
    var helo = "client.example"
    var sender = "sender@bench.example"
    var recipient = "recipient@bench.example"
    /// Recipients a message.
    var recipients = 1
    /// Taken in turn, instead of `recipient`, where there are any.
    var recipientList: [String] = []
    var sizes = SizeMix(bytes: 4_096)
    /// The same seed makes the same bodies.
    var seed: UInt64 = 1
    /// How long each step of a session may take.
    var timeout = Duration.seconds(30)
    var shards = 1
    /// Bytes of each BDAT chunk; nil: messages go by DATA.
    var chunkBytes: Int?
    /// Whether LMTP is spoken (RFC 2033).
    var isLMTP = false
    var startsTLS = false
    /// Whether TLS begins with the connection.
    var isTLSImplicit = false
    /// Whether later sessions take up the TLS session of an earlier one.
    var resumes = false
    /// Nil: whatever both sides know.
    var tlsVersion: TLSVersion?
    /// What the handshake asks for (SNI); nil: nothing.
    var serverName: String?
    /// Nil: nobody in particular.
    var credentials: Credentials?
    /// Whom PROXY headers name as the clients; nil: no header is sent.
    var proxy: MadeUpClients?

    static let recipientsLimit = 1_000

    var hasTLS: Bool { startsTLS || isTLSImplicit }

    /// The certificate is not looked at, for it is the target's speed that matters.
    var tls: TLSClientConfiguration? {
        guard hasTLS else { return nil }
        var configuration = TLSClientConfiguration(authorities: .none)
        if let tlsVersion {
            configuration.parameters.minimumVersion = tlsVersion
            configuration.parameters.maximumVersion = tlsVersion
        }
        return configuration
    }

    /// The address of one of the recipients of a message. Made-up ones differ within a message.
    func recipient(_ index: Int, of number: UInt64) -> String {
        if !recipientList.isEmpty {
            let next = (number % UInt64(recipientList.count)) * UInt64(recipients) + UInt64(index)
            return recipientList[Int(next % UInt64(recipientList.count))]
        }
        guard index > 0, let at = recipient.lastIndex(of: "@") else { return recipient }
        return "\(recipient[..<at])-\(index + 1)\(recipient[at...])"
    }

    /// In a few words, what is not as usual.
    var words: [String] {
        var words: [String] = []
        if recipients > 1 { words.append("\(recipients) recipients each") }
        if !recipientList.isEmpty { words.append("\(recipientList.count) recipients in turn") }
        if let chunkBytes { words.append("BDAT of \(chunkBytes) bytes") }
        if isLMTP { words.append("LMTP") }
        if startsTLS { words.append("STARTTLS") }
        if isTLSImplicit { words.append("TLS") }
        if resumes { words.append("resumed") }
        if let credentials { words.append("AUTH \(credentials.mechanism.rawValue.uppercased())") }
        if let proxy { words.append("PROXY \(proxy.version)") }
        return words
    }

    func validate() throws(UsageError) {
        guard sizes.isPossible else { throw UsageError("--size: a body ends with CRLF, so it is 0 or at least 2") }
        guard !(startsTLS && isTLSImplicit) else { throw UsageError("--tls and --starttls exclude each other") }
        guard hasTLS || tlsVersion == nil && serverName == nil && !resumes else {
            throw UsageError("--tls-version, --server-name and --resume need --starttls or --tls")
        }
        guard credentials?.user != "" else { throw UsageError("--auth needs --user") }
        guard [helo, sender, recipient].allSatisfy(Self.fitsInALine) else {
            throw UsageError("--helo, --from and --to are single lines of at most \(Self.argumentLimitBytes) bytes")
        }
    }

    /// Bytes of a name or an address: what a command line has room for (RFC 5321 section 4.5.3.1.4).
    private static let argumentLimitBytes = 480

    static func fitsInALine(_ text: String) -> Bool {
        text.utf8.count <= argumentLimitBytes && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }
    }
}
