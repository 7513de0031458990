import Ring
import TLS

/// What the client sessions of one shard share, and the steps that all of them take.
final class ClientShard {
    let ring: Ring
    let settings: ClientSettings
    let recorder = StepRecorder()
    private let target: SocketAddress
    private let content: MessageContent
    private let tls: TLSClientContext?
    /// What the next handshake offers to take up again.
    private var session: TLSSession?
    /// Sessions secured, by version, and those of them that took an earlier one up again.
    private(set) var tlsVersions: [String: Int] = [:]
    private(set) var tlsResumed = 0
    /// Where the pieces of messages are put together. Never used across an await.
    private var piece: [UInt8] = []

    /// Messages are sent in pieces of about this size, in bytes.
    private static let pieceBytes = 128 << 10
    /// Replies to chunks that may be to come before they are read: their text must fit into the sockets' buffers.
    private static let unreadRepliesLimit = 64

    init(_ ring: Ring, _ settings: ClientSettings, target: SocketAddress, run: UInt64, text: MessageText)
        throws(TLSConfigurationError)
    {
        self.ring = ring
        self.settings = settings
        self.target = target
        content = MessageContent(
            run: run, text: text, sizes: settings.sizes, sender: settings.sender, recipient: settings.recipient)
        tls = try settings.tls.map { configuration throws(TLSConfigurationError) in
            try TLSClientContext(configuration)
        }
    }

    /// Opens a session as far as the settings say: connection, PROXY header, TLS, greeting, EHLO, STARTTLS, EHLO, AUTH.
    ///
    /// - Parameters:
    ///   - number: the session's, from which its made-up client follows.
    ///   - isTimed: whether the times of its steps are noted.
    func open(_ number: Int, isTimed: Bool) async throws(SessionFailure) -> SMTPClient {
        let client = try await SMTPClient.connect(
            ring, to: target, timeout: settings.timeout, recorder: isTimed ? recorder : nil)
        do throws(SessionFailure) {
            if let clients = settings.proxy { client.stream.queue(clients.header(number, to: target)) }
            if settings.isTLSImplicit { try await secure(client) }
            try await client.readGreeting()
            try await sayHello(client)
            if settings.startsTLS {
                try await client.startTLS()
                try await secure(client)
                try await sayHello(client)
            }
            remember(client)
            if let credentials = settings.credentials { try await client.authenticate(credentials) }
            return client
        } catch {
            await client.abandon()
            throw error
        }
    }

    private func sayHello(_ client: SMTPClient) async throws(SessionFailure) {
        try await client.sayHello(settings.isLMTP ? "LHLO" : "EHLO", as: settings.helo)
    }

    private func secure(_ client: SMTPClient) async throws(SessionFailure) {
        guard let tls else { preconditionFailure("TLS without a context") }
        try await client.secure(tls, serverName: settings.serverName, session: settings.resumes ? session : nil)
        tlsVersions[client.tls?.protocolVersion ?? "", default: 0] += 1
        if client.tls?.isResumed == true { tlsResumed += 1 }
    }

    /// With TLS 1.3 the ticket comes with the first data after the handshake, so this is the moment.
    private func remember(_ client: SMTPClient) {
        guard settings.resumes, let engine = client.tls, session == nil || !engine.isResumed else { return }
        session = engine.session ?? session
    }

    // MARK: Messages

    func bodyBytes(_ number: UInt64) -> Int { content.bodyBytes(number) }

    /// Asks for a transaction: MAIL, RCPT, and DATA where the content goes by it.
    ///
    /// - Parameter isGrouped: whether the replies are left to come.
    func askEnvelope(_ number: UInt64, _ client: SMTPClient, isGrouped: Bool) async throws(SessionFailure) {
        client.ask("MAIL FROM:<\(settings.sender)>", .mail)
        if !isGrouped { try await client.settle() }
        for index in 0..<settings.recipients {
            client.ask("RCPT TO:<\(settings.recipient(index, of: number))>", .rcpt)
            if !isGrouped { try await client.settle() }
        }
        guard settings.chunkBytes == nil else { return }
        client.ask("DATA", .data, 3)
        if !isGrouped { try await client.settle() }
    }

    /// Sends a message but for its last piece: that is queued, to leave with what follows it. The reply, or the
    /// replies, to its end are to come.
    func sendContent(_ number: UInt64, _ client: SMTPClient, isGrouped: Bool) async throws(SessionFailure) {
        if let chunkBytes = settings.chunkBytes {
            try client.require("CHUNKING", for: .bdat)
            try await sendChunks(number, chunkBytes, client, isGrouped: isGrouped)
        } else {
            // The reply to DATA says that the content may come (RFC 2920 section 3.1).
            try await client.settle()
            try await sendLines(number, client)
        }
        for _ in 0..<(settings.isLMTP ? settings.recipients : 1) { client.awaitReply(.end) }
    }

    private func sendLines(_ number: UInt64, _ client: SMTPClient) async throws(SessionFailure) {
        var writer = MessageWriter(content, number: number)
        while true {
            writer.append(to: &piece, until: Self.pieceBytes)
            client.stream.queue(piece)
            piece.removeAll(keepingCapacity: true)
            if writer.isComplete { return }
            try await client.flush(.content)
        }
    }

    private func sendChunks(
        _ number: UInt64, _ chunkBytes: Int, _ client: SMTPClient, isGrouped: Bool
    ) async throws(SessionFailure) {
        var cutter = ChunkCutter(content, number: number, chunkBytes: chunkBytes)
        while true {
            let chunk = cutter.next()
            client.stream.queue(Array("BDAT \(chunk.bytes.count)\(chunk.isLast ? " LAST" : "")\r\n".utf8) + chunk.bytes)
            if chunk.isLast { return }
            client.awaitReply(.bdat)
            if !isGrouped || client.awaitedCount >= Self.unreadRepliesLimit {
                try await client.settle()
            } else {
                try await client.flush(.content)
            }
        }
    }

    /// Delivers a message, one command after the other.
    func deliver(_ number: UInt64, _ client: SMTPClient) async throws(SessionFailure) {
        try await askEnvelope(number, client, isGrouped: false)
        try await sendContent(number, client, isGrouped: false)
        try await client.settle()
    }
}
