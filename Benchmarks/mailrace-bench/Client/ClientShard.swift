import Ring
import TLS

/// What the client sessions of one shard share, and the steps that all of them take.
final class ClientShard {
    let ring: Ring
    let settings: ClientSettings
    private let target: SocketAddress
    private let content: MessageContent
    private let tls: TLSClientContext?
    /// Where the pieces of messages are put together. Never used across an await.
    private var piece: [UInt8] = []

    /// Messages are sent in pieces of about this size, in bytes.
    private static let pieceBytes = 128 << 10

    init(_ ring: Ring, _ settings: ClientSettings, target: SocketAddress, run: UInt64, text: MessageText)
        throws(TLSConfigurationError)
    {
        self.ring = ring
        self.settings = settings
        self.target = target
        content = MessageContent(
            run: run, text: text, bodyBytes: settings.bodyBytes, sender: settings.sender, recipient: settings.recipient)
        tls = try settings.tls.map { configuration throws(TLSConfigurationError) in
            try TLSClientContext(configuration)
        }
    }

    /// Opens a session as far as the settings say: connection, greeting, EHLO, STARTTLS, EHLO.
    func open() async throws(SessionFailure) -> SMTPClient {
        let client = try await SMTPClient.connect(ring, to: target, timeout: settings.timeout)
        do throws(SessionFailure) {
            try await client.greet(as: settings.helo)
            if let tls {
                try await client.startTLS(tls, serverName: settings.serverName)
                try await client.sayHello(as: settings.helo)
            }
            return client
        } catch {
            await client.abandon()
            throw error
        }
    }

    var mailCommand: String { "MAIL FROM:<\(settings.sender)>" }
    var rcptCommand: String { "RCPT TO:<\(settings.recipient)>" }

    /// Delivers a message, one command after the other.
    func deliver(_ number: UInt64, _ client: SMTPClient) async throws(SessionFailure) {
        client.queue(mailCommand)
        try await client.expect(2, .mail)
        client.queue(rcptCommand)
        try await client.expect(2, .rcpt)
        client.queue("DATA")
        try await client.expect(3, .data)
        try await sendContent(number, client)
        try await client.expect(2, .end)
    }

    /// Sends a message, terminator included, but for its last piece: that is queued, to leave with what follows it.
    func sendContent(_ number: UInt64, _ client: SMTPClient) async throws(SessionFailure) {
        var writer = MessageWriter(content, number: number)
        while true {
            writer.append(to: &piece, until: Self.pieceBytes)
            client.stream.queue(piece)
            piece.removeAll(keepingCapacity: true)
            if writer.isComplete { return }
            try await client.flush(.content)
        }
    }
}
