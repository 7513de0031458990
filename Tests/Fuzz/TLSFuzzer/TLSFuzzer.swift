import Ring
import TLS
import TestCertificates

/// Gives an engine what a hostile peer could send, cut in pieces.
///
/// The input is a scene, the length of the pieces, and the stream. In the last scene the stream is a list of changes
/// to what a true client and a true server say to each other: two bytes for the place and one for the change, each.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTLS(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard input.count > 2 else { return -1 }
    let pieceBytes = 1 + Int(input[1])
    let stream = Array(input[2...])
    switch input[0] % 4 {
    case 0:
        let server = End(TLSEngine(server: serverContext))
        server.receive(stream, pieceBytes: pieceBytes)
        precondition(!server.engine.isEstablished)
    case 1:
        let client = makeClient()
        client.receive(stream, pieceBytes: pieceBytes)
        precondition(!client.engine.isEstablished)
    case 2:
        let (client, server) = (makeClient(), End(TLSEngine(server: serverContext)))
        exchange(client, server, changes: [], pieceBytes: pieceBytes)
        precondition(client.engine.isEstablished && server.engine.isEstablished)
        (input[0] & 4 == 0 ? client : server).receive(stream, pieceBytes: pieceBytes)
        precondition(client.received == 0 && server.received == 0)
    default:
        let (client, server) = (makeClient(), End(TLSEngine(server: serverContext)))
        exchange(client, server, changes: stream, pieceBytes: pieceBytes)
    }
    return 0
}

// The fuzzer has one thread.
nonisolated(unsafe) private let serverContext = makeServerContext()
nonisolated(unsafe) private let clientContext = makeClientContext()

private func makeServerContext() -> TLSServerContext {
    func file(_ text: String) -> TLSFile { TLSFile(name: "test", bytes: Array(text.utf8)) }
    let identities = [
        TLSIdentity(
            certificateChain: file(TestCertificates.ecdsaChain), privateKey: file(TestCertificates.ecdsaKey)),
        TLSIdentity(certificateChain: file(TestCertificates.rsaChain), privateKey: file(TestCertificates.rsaKey)),
    ]
    let configuration = TLSServerConfiguration(
        listener: "fuzz", identities: identities, ticketKeys: TLSTicketKeys())
    guard let context = try? TLSServerContext(configuration) else { fatalError("no server") }
    return context
}

private func makeClientContext() -> TLSClientContext {
    let root = TLSFile(name: "root", bytes: Array(TestCertificates.root.utf8))
    let configuration = TLSClientConfiguration(verification: .authorities(root))
    guard let context = try? TLSClientContext(configuration) else { fatalError("no client") }
    return context
}

private func makeClient() -> End {
    guard let engine = try? TLSEngine(client: clientContext, serverName: "mx.example.com") else {
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
            precondition(!hadFailed || reply.count == repliedBefore)
            precondition(plaintext.count <= given)
            precondition(replied <= Self.flightLimitBytes + 4 * given)
        } while !rest.isEmpty
    }

    func takeReply() -> [UInt8] { reply.take(reply.count) }
}
