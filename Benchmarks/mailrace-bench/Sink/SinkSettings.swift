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
    /// How long it waits before the greeting, and before every other reply.
    var greetingDelay = Duration.zero
    var replyDelay = Duration.zero
    var refusal: Refusal?
    /// PEM files; STARTTLS is offered where both are given.
    var certificateFile: String?
    var keyFile: String?

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

    /// The options for STARTTLS, of a command that has these settings at `path`.
    static func tlsOptions<Command>(_ path: WritableKeyPath<Command, SinkSettings>) -> [Option<Command>] {
        [
            Option("certificate", "FILE", "The sink offers STARTTLS with this certificate chain (PEM).") {
                $0[keyPath: path].certificateFile = $1
            },
            Option("key", "FILE", "The certificate's private key (PEM).") { $0[keyPath: path].keyFile = $1 },
        ]
    }
}

/// A reply other than the usual one, at one point of every session.
struct Refusal: Equatable, Sendable {
    enum Phase: String, CaseIterable {
        /// Instead of the greeting.
        case connect
        case helo, mail, rcpt, data
        /// Instead of the reply to the end of the message.
        case end
    }

    let phase: Phase
    /// 400 to 599. After 421 the sink closes.
    let code: Int

    /// From `PHASE` (refused with 451) or `PHASE:CODE`.
    init(_ text: String) throws(UsageError) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let phase = Phase(rawValue: String(parts[0])), parts.count <= 2 else {
            let known = Phase.allCases.map(\.rawValue).joined(separator: ", ")
            throw UsageError("'\(text)' does not begin with one of: \(known)")
        }
        self.phase = phase
        code = parts.count == 1 ? 451 : try Values.count(String(parts[1]), in: 400...599)
    }

    var closes: Bool { code == 421 }

    var reply: String { "\(code) \(code / 100).3.0 Refused as asked" }
}
