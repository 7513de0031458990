import COpenSSL
public import Ring

/// TLS on one connection, as a server or as a client: bytes in, bytes out, by OpenSSL.
///
/// Not Sendable: it lives with its connection, on the shard of its context. An idle one holds no record buffer. After a
/// failure it holds nothing at all beside the reason.
///
/// What ``open(_:plaintext:reply:)`` appends is bounded by what it is given: the plaintext is never longer than the
/// ciphertext (with what is kept of an incomplete record), and an answer comes for a message alone.
public final class TLSEngine: RecordLayer {
    private(set) var pointer: OpaquePointer?
    public private(set) var isEstablished = false
    /// Why the connection failed; set when a call has returned `.failed`.
    public private(set) var failure: TLSFailure?

    /// Needed by a server's handshake.
    private var namedContexts: NamedContexts?
    /// A client's.
    let origin: TLSSession.Origin?
    private let needsCertificate: Bool
    /// A server's client is asked for a certificate; a server always is.
    public let asksForCertificate: Bool
    private var peerHasEnded = false
    private var hasEnded = false

    /// Room for what TLS adds to a record, any version and cipher (RFC 5246, 6.2.3; RFC 8446, 5.2).
    private static let recordOverheadBytes = 128
    /// A record's plaintext is at most this long.
    private static let recordPlaintextBytes = COPENSSL_RECORD_PLAINTEXT_BYTES
    /// The least room for plaintext that OpenSSL is asked to fill: a command line.
    private static let leastRoomBytes = 512

    /// An engine that answers a client.
    public init(server context: TLSServerContext) {
        namedContexts = context.namedContexts
        origin = nil
        needsCertificate = false
        asksForCertificate = context.asksForCertificate
        pointer = copenssl_engine_new_server(context.handle.pointer)
        precondition(pointer != nil, "no memory for a connection")
    }

    /// An engine that speaks to a server; its handshake starts with the first ``open(_:plaintext:reply:)``.
    ///
    /// - Parameters:
    ///   - serverName: what is dialled: a host name, which is also sent to the server (SNI), or an address. Needed
    ///     where a certificate without an authority's word for it ends the handshake; elsewhere the name is not
    ///     looked at where there is none, as with a Unix socket.
    ///   - session: of an earlier connection to this server. It is offered, and the server decides; one that does not
    ///     belong to this context and name is not.
    public init(
        client context: TLSClientContext, serverName: String? = nil, session: TLSSession? = nil
    ) throws(TLSConfigurationError) {
        if context.verifiesNames, context.needsCertificate, serverName == nil {
            throw TLSConfigurationError("server name", .noServerName)
        }
        let handle = context.handle.pointer
        let origin = TLSSession.Origin(context.handle, serverName)
        let session = session.flatMap { $0.began(at: origin) ? $0 : nil }
        self.origin = origin
        needsCertificate = context.needsCertificate
        asksForCertificate = true
        if var name = serverName {
            if name.hasSuffix(".") { name.removeLast() }
            guard !name.isEmpty, !name.utf8.contains(0) else {
                throw TLSConfigurationError("server name", .unknownValue(name))
            }
            pointer = copenssl_engine_new_client(handle, name, session?.pointer)
            if pointer == nil { throw TLSConfigurationError("server name", .unknownValue(name)) }
        } else {
            pointer = copenssl_engine_new_client(handle, nil, session?.pointer)
            precondition(pointer != nil, "no memory for a connection")
        }
    }

    deinit {
        if let pointer { copenssl_engine_free(pointer) }
    }

    /// What the peer says may be a password: OpenSSL overwrites it as soon as it is read. False at first.
    public var keepsInputSecret: Bool {
        get { pointer.map { copenssl_engine_is_cleansing($0) } ?? false }
        set { if let pointer { copenssl_engine_set_cleansing(pointer, newValue) } }
    }

    public func open(_ ciphertext: RawSpan, plaintext: inout ByteQueue, reply: inout ByteQueue) -> RecordStatus {
        guard let engine = pointer else { return .failed }
        if peerHasEnded { return .ended }
        return ciphertext.withUnsafeBytes { input in
            Cursor.lend(input, output: &reply) { io in
                let status = isEstablished ? .done : copenssl_engine_handshake(engine, io)
                guard status == .done else { return settle(status, engine, io) }
                if !isEstablished, let refusal = establish(engine) { return fail(refusal) }
                return settle(read(engine, io, into: &plaintext), engine, io)
            }
        }
    }

    /// - Returns: why the connection may not be used all the same. Anonymous ciphers, which a list can allow, show no
    ///   certificate that OpenSSL would ask about.
    private func establish(_ engine: OpaquePointer) -> TLSFailure? {
        namedContexts = nil
        if needsCertificate {
            let found = TLSVerification(copenssl_engine_verification(engine))
            if found.outcome == .noCertificate { return .noCertificate(found.text) }
        }
        isEstablished = true
        return nil
    }

    /// Reads until the input is used up and nothing decrypted waits. Asking OpenSSL once more would only make it
    /// allocate a record buffer and release it again.
    private func read(
        _ engine: OpaquePointer, _ io: UnsafeMutablePointer<copenssl_io>, into plaintext: inout ByteQueue
    ) -> copenssl_status {
        var status = copenssl_status.done
        var least = leastRoom(for: io.pointee.input_length)
        while status == .done {
            let waiting = io.pointee.input_length + copenssl_engine_pending(engine)
            if waiting == 0 { return .want_input }
            plaintext.append(atLeast: max(waiting, least)) { room in
                var length = 0
                status = copenssl_engine_read(engine, io, room.baseAddress, room.count, &length)
                return length
            }
            least = 1
        }
        return status
    }

    /// The plaintext of `input` bytes, and in a flow that of the record which had begun before them: so the queue need
    /// not grow while they are read.
    private func leastRoom(for input: Int) -> Int {
        input < Self.recordPlaintextBytes ? Self.leastRoomBytes : input + Self.recordPlaintextBytes
    }

    public func seal(_ plaintext: RawSpan, ciphertext: inout ByteQueue) -> RecordStatus {
        guard let engine = pointer else { return .failed }
        guard isEstablished, !hasEnded else {
            return fail(.internalError(hasEnded ? "sealed after the end" : "sealed before the handshake"))
        }
        return plaintext.withUnsafeBytes { bytes in
            let records = bytes.count / Self.recordPlaintextBytes + 1
            let expected = bytes.count + records * Self.recordOverheadBytes
            return Cursor.lend(.init(start: nil, count: 0), output: &ciphertext, expecting: expected) { io in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let part = UnsafeRawBufferPointer(rebasing: rest)
                    var sealed = 0
                    let status = copenssl_engine_write(engine, io, part.baseAddress, part.count, &sealed)
                    guard status == .done else { return settle(.failed, engine, io) }
                    rest = rest.dropFirst(sealed)
                }
                return .open
            }
        }
    }

    public func sealEnd(ciphertext: inout ByteQueue) {
        guard let engine = pointer, isEstablished, !hasEnded else { return }
        hasEnded = true
        Cursor.lend(.init(start: nil, count: 0), output: &ciphertext) { io in
            if copenssl_engine_end(engine, io) == .failed { _ = settle(.failed, engine, io) }
        }
    }

    /// Appends the request for new keys in both directions (KeyUpdate; RFC 8446, 4.6.3), for a connection that carries
    /// more than one key should (RFC 8446, 5.5). TLS 1.3 only: with any older version it does nothing.
    public func updateKeys(ciphertext: inout ByteQueue) -> RecordStatus {
        guard let engine = pointer else { return .failed }
        guard isEstablished, !hasEnded, protocolVersion == "TLSv1.3" else { return .open }
        return Cursor.lend(.init(start: nil, count: 0), output: &ciphertext) { io in
            settle(copenssl_engine_update_keys(engine, io), engine, io)
        }
    }

    /// Turns what OpenSSL says at the end of a call into how the connection stands.
    private func settle(
        _ status: copenssl_status, _ engine: OpaquePointer, _ io: UnsafeMutablePointer<copenssl_io>
    ) -> RecordStatus {
        switch status {
        case .done, .want_input:
            return .open
        case .ended where isEstablished:
            peerHasEnded = true
            return .ended
        case .ended:
            return fail(.peerAlert(.closeNotify))
        case .failed:
            return fail(TLSFailure(.taken(from: engine), alertSent: io.pointee.alert_sent))
        }
    }

    private func fail(_ reason: TLSFailure) -> RecordStatus {
        failure = reason
        if let pointer { copenssl_engine_free(pointer) }
        pointer = nil
        namedContexts = nil
        return .failed
    }
}

@available(*, unavailable)
extension TLSEngine: Sendable {}
