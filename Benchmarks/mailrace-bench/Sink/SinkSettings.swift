import Ring
import TLS

/// How a sink behaves. One value for all its shards.
struct SinkSettings: Sendable {
    /// Where it listens; with port 0 the system chooses one.
    var address = SocketAddress.loopback(port: 0)
    var shards = 1
    /// Where a copy of each message is written; nil: nowhere.
    var directory: String?
    /// The file that names each message before it is answered; nil: none.
    var journal: String?
    /// The longest message taken, in bytes.
    var messageLimitBytes = 1 << 30
    /// What goes wrong, and where.
    var faults = SinkFaults()
    /// STARTTLS is offered where there is one.
    var identity = Identity()
    /// Whether TLS begins with the connection.
    var isTLSImplicit = false
    /// Whether each connection begins with a PROXY header.
    var readsProxyHeader = false
    /// Whether it speaks LMTP (RFC 2033), and no SMTP then.
    var isLMTP = false
    /// Whether XCLIENT is offered, to everybody.
    var takesXclient = false
    /// Whether AUTH is offered.
    var authenticates = false
    /// Whom alone AUTH lets in; nil: everybody.
    var user: String?
    /// The user's; nil: any.
    var password: String?

    func validate() throws(UsageError) {
        try identity.validate()
        guard !isTLSImplicit || identity.isGiven else { throw UsageError("--tls needs --certificate and --key") }
        guard user == nil && password == nil || authenticates else {
            throw UsageError("--user and --password-file need --auth")
        }
    }

    /// The same sink, such that clients of these settings can speak to it: by way of their target or, where they have
    /// none, directly.
    func serving(_ client: ClientSettings, identity: Identity) -> SinkSettings {
        var sink = self
        sink.shards = client.shards
        sink.identity = identity
        sink.isLMTP = client.isLMTP
        sink.authenticates = client.credentials != nil
        guard client.target == nil else { return sink }
        sink.isTLSImplicit = client.isTLSImplicit
        sink.readsProxyHeader = client.proxy != nil
        return sink
    }

    /// A certificate with its key.
    struct Identity: Equatable, Sendable {
        /// PEM files.
        var certificateFile: String?
        var keyFile: String?

        var isGiven: Bool { certificateFile != nil }

        func validate() throws(UsageError) {
            guard (certificateFile == nil) == (keyFile == nil) else {
                throw UsageError("--certificate and --key need each other")
            }
        }

        /// Reads the files; nil where none are named.
        func tls() throws(Unavailable) -> TLSServerConfiguration? {
            guard let certificateFile, let keyFile else { return nil }
            let identity = TLSIdentity(
                certificateChain: try SmallFile.read(certificateFile), privateKey: try SmallFile.read(keyFile))
            let configuration = TLSServerConfiguration(
                listener: "sink", identities: [identity], ticketKeys: TLSTicketKeys())
            do throws(TLSConfigurationError) {
                _ = try TLSServerContext(configuration)
            } catch {
                throw Unavailable(error)
            }
            return configuration
        }
    }
}
