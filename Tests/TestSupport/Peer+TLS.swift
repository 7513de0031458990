import Ring
public import TLS

// TLS by hand: the engine turns bytes, the peer moves them.
extension Peer {
    /// Carries out the handshake, as a client. What the server sends with its last message is kept to be read.
    ///
    /// - Parameters:
    ///   - serverName: whom the client asks for (SNI).
    ///   - sendHello: how the first message is sent; by default in one piece.
    public func secure(
        _ context: TLSClientContext, serverName: String? = nil, sendHello: (([UInt8]) throws -> Void)? = nil
    ) throws {
        let engine = try TLSEngine(client: context, serverName: serverName)
        self.engine = engine
        var hello = ByteQueue()
        var nothing = ByteQueue()
        _ = engine.open([UInt8]().span.bytes, plaintext: &nothing, reply: &hello)
        try (sendHello ?? sendRaw)(hello.take(hello.count))
        while !engine.isEstablished {
            guard try receive() else { throw Failure(description: "the server left the handshake") }
        }
    }

    /// Carries out the handshake, as a server.
    public func secureAsServer(_ context: TLSServerContext) throws {
        let engine = TLSEngine(server: context)
        self.engine = engine
        while !engine.isEstablished {
            guard try receive() else { throw Failure(description: "the client left the handshake") }
        }
    }

    /// Begins a handshake, which goes on with each `receive()`.
    public func beginSecuring(_ engine: TLSEngine) throws {
        self.engine = engine
        _ = try opened([])
    }

    /// The first message of a handshake, to be sent by hand.
    public static func clientHello(_ context: TLSClientContext) throws -> [UInt8] {
        var hello = ByteQueue()
        var nothing = ByteQueue()
        _ = try TLSEngine(client: context).open([UInt8]().span.bytes, plaintext: &nothing, reply: &hello)
        return hello.take(hello.count)
    }

    /// What is to be sent for `bytes`.
    public func sealed(_ bytes: [UInt8]) -> [UInt8] {
        guard let engine else { return bytes }
        var records = ByteQueue()
        _ = engine.seal(bytes.span.bytes, ciphertext: &records)
        return records.take(records.count)
    }

    func sealedEnd() -> [UInt8] {
        guard let engine else { return [] }
        var records = ByteQueue()
        engine.sealEnd(ciphertext: &records)
        return records.take(records.count)
    }

    /// Sends the last bytes with the notice that they are the last, in one piece, and ends the direction.
    public func finish(saying bytes: [UInt8]) throws {
        try sendRaw(sealed(bytes) + sealedEnd())
        finishRaw()
    }

    /// What received bytes carry; sends what TLS has to answer.
    func opened(_ bytes: [UInt8]) throws -> [UInt8] {
        guard let engine else { return bytes }
        var plaintext = ByteQueue()
        var reply = ByteQueue()
        let status = engine.open(bytes.span.bytes, plaintext: &plaintext, reply: &reply)
        if !reply.isEmpty { try sendRaw(reply.take(reply.count)) }
        switch status {
        case .open: break
        case .ended: wasNotified = true
        case .failed: throw engine.failure ?? .closed
        }
        return plaintext.take(plaintext.count)
    }

    /// Whom the client asked for (SNI).
    public var serverName: String? { engine?.serverName }
    /// The common name in the certificate that the other end has shown.
    public var peerName: String? { engine?.peerCertificate?.commonName }
    /// An earlier session was taken up.
    public var isResumed: Bool { engine?.isResumed ?? false }
    /// `TLS_AES_256_GCM_SHA384`
    public var cipher: String? { engine?.cipher }

    /// What was agreed on: `TLSv1.3`. Nil without TLS.
    public var protocolVersion: String? { engine?.protocolVersion }
}
