import Ring
import TLS
import TestCertificates

/// Gives an engine what a hostile peer could send, cut in pieces.
///
/// The input is a scene and the kind of the client, the length of the pieces, and the stream. In the last scene the stream is a list of changes
/// to what a true client and a true server say to each other: two bytes for the place and one for the change, each.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTLS(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard input.count > 2 else { return -1 }
    let pieceBytes = 1 + Int(input[1])
    let stream = Array(input[2...])
    let kind = clientContexts[Int(input[0] >> 3) % clientContexts.count]
    switch input[0] % 4 {
    case 0:
        let server = End(TLSEngine(server: serverContext))
        server.receive(stream, pieceBytes: pieceBytes)
        precondition(!server.engine.isEstablished)
    case 1:
        let client = makeClient(kind)
        client.receive(stream, pieceBytes: pieceBytes)
        precondition(!client.engine.isEstablished)
    case 2:
        let (client, server) = (makeClient(kind), End(TLSEngine(server: serverContext)))
        exchange(client, server, changes: [], pieceBytes: pieceBytes)
        precondition(client.engine.isEstablished && server.engine.isEstablished)
        (input[0] & 4 == 0 ? client : server).receive(stream, pieceBytes: pieceBytes)
        precondition(client.received == 0 && server.received == 0)
    default:
        let (client, server) = (makeClient(kind), End(TLSEngine(server: serverContext)))
        exchange(client, server, changes: stream, pieceBytes: pieceBytes)
    }
    return 0
}

// The fuzzer has one thread.
nonisolated(unsafe) private let serverContext = makeServerContext()
nonisolated(unsafe) private let clientContexts = [
    (context: makeClientContext(isEnforced: true, newest: nil), name: "mx.example.com"),
    (context: makeClientContext(isEnforced: false, newest: nil), name: "mail.example.org"),
    // Whose certificate can be read, and altered, on the wire.
    (context: makeClientContext(isEnforced: true, newest: .tls12), name: "a.example.net"),
    (context: makeClientContext(isEnforced: false, newest: .tls12), name: "127.0.0.1"),
]

private func makeServerContext() -> TLSServerContext {
    var configuration = TLSServerConfiguration(
        listener: "fuzz",
        identities: [
            identity(TestCertificates.ecdsaChain, TestCertificates.ecdsaKey),
            identity(TestCertificates.rsaChain, TestCertificates.rsaKey),
        ], ticketKeys: TLSTicketKeys())
    configuration.clientCertificates = .request(authorities: file(TestCertificates.root))
    configuration.namedIdentities = [
        TLSServerConfiguration.NamedIdentities(
            label: "host", names: ["mail.example.org"],
            identities: [identity(TestCertificates.namedCertificate, TestCertificates.namedKey)]),
        TLSServerConfiguration.NamedIdentities(
            label: "wildcard", names: ["*.example.net"],
            identities: [identity(TestCertificates.wildcardCertificate, TestCertificates.wildcardKey)]),
    ]
    guard let context = try? TLSServerContext(configuration) else { fatalError("no server") }
    return context
}

private func makeClientContext(isEnforced: Bool, newest: TLSVersion?) -> TLSClientContext {
    var configuration = TLSClientConfiguration(authorities: .file(file(TestCertificates.root)))
    configuration.isEnforced = isEnforced
    configuration.parameters.maximumVersion = newest
    configuration.identities = [identity(TestCertificates.clientCertificate, TestCertificates.clientKey)]
    guard let context = try? TLSClientContext(configuration) else { fatalError("no client") }
    return context
}

private func file(_ text: String) -> TLSFile { TLSFile(name: "test", bytes: Array(text.utf8)) }

private func identity(_ certificates: String, _ key: String) -> TLSIdentity {
    TLSIdentity(certificateChain: file(certificates), privateKey: file(key))
}

private func makeClient(_ kind: (context: TLSClientContext, name: String)) -> End {
    guard let engine = try? TLSEngine(client: kind.context, serverName: kind.name) else {
        fatalError("no client engine")
    }
    let client = End(engine)
    client.receive([], pieceBytes: 1)
    return client
}

/// Carries what the two say, with the changes, until they fall silent.
private func exchange(_ client: End, _ server: End, changes: [UInt8], pieceBytes: Int) {
    var carried = 0
    func altered(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for index in stride(from: 0, to: changes.count - 2, by: 3) {
            let place = Int(changes[index]) << 8 + Int(changes[index + 1]) - carried
            if bytes.indices.contains(place) { bytes[place] ^= changes[index + 2] }
        }
        carried += bytes.count
        return bytes
    }
    while !client.reply.isEmpty || !server.reply.isEmpty {
        server.receive(altered(client.takeReply()), pieceBytes: pieceBytes)
        client.receive(altered(server.takeReply()), pieceBytes: pieceBytes)
    }
}

/// An engine, and what must hold whatever it is given.
private final class End {
    let engine: TLSEngine
    var reply = ByteQueue()
    var plaintext = ByteQueue()
    var received: Int { plaintext.count }
    private var given = 0
    private var replied = 0

    /// Certificates, tickets, alerts: what one engine says beside an answer to each message.
    private static let flightLimitBytes = 16_384

    init(_ engine: TLSEngine) { self.engine = engine }

    func receive(_ bytes: [UInt8], pieceBytes: Int) {
        var rest = bytes[...]
        repeat {
            let piece = Array(rest.prefix(pieceBytes))
            rest = rest.dropFirst(pieceBytes)
            let hadFailed = engine.failure != nil
            let repliedBefore = reply.count
            given += piece.count
            let status = engine.open(piece.span.bytes, plaintext: &plaintext, reply: &reply)
            replied += reply.count - repliedBefore
            precondition((status == .failed) == (engine.failure != nil))
            precondition((engine.verification != nil) == (engine.isEstablished && status != .failed))
            precondition(engine.peerCertificate.map { $0.der.isEmpty } != true)
            precondition(!hadFailed || reply.count == repliedBefore)
            precondition(plaintext.count <= given)
            precondition(replied <= Self.flightLimitBytes + 4 * given)
        } while !rest.isEmpty
    }

    func takeReply() -> [UInt8] { reply.take(reply.count) }
}
