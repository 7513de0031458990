import Ring
import TLS

/// An engine with what it has said and what it was told.
final class TLSEnd {
    let engine: TLSEngine
    /// Ciphertext for the other end.
    var out = ByteQueue()
    var plaintext = ByteQueue()
    var status = RecordStatus.open

    init(_ engine: TLSEngine) { self.engine = engine }

    func receive(_ bytes: [UInt8], split: Split = .whole) {
        for range in split.ranges(of: bytes.count) {
            status = engine.open(bytes.span.bytes.extracting(range), plaintext: &plaintext, reply: &out)
        }
    }

    func begin() {
        status = engine.open([UInt8]().span.bytes, plaintext: &plaintext, reply: &out)
    }

    @discardableResult
    func send(_ bytes: [UInt8]) -> RecordStatus {
        engine.seal(bytes.span.bytes, ciphertext: &out)
    }

    @discardableResult
    func send(_ text: String) -> RecordStatus { send(Array(text.utf8)) }

    func end() { engine.sealEnd(ciphertext: &out) }

    func takeOut() -> [UInt8] { out.take(out.count) }

    /// The plaintext received so far, which is then forgotten.
    func take() -> [UInt8] { plaintext.take(plaintext.count) }

    func takeText() -> String { String(decoding: take(), as: UTF8.self) }
}

/// A client and a server that talk through memory.
final class TLSPair {
    let client: TLSEnd
    let server: TLSEnd

    init(
        server: TLSServerContext, client: TLSClientContext, name: String? = "mx.example.com",
        session: TLSSession? = nil
    ) throws {
        self.server = TLSEnd(TLSEngine(server: server))
        self.client = TLSEnd(try TLSEngine(client: client, serverName: name, session: session))
        self.client.begin()
    }

    convenience init(
        server: TLSServerConfiguration = .test(), client: TLSClientConfiguration = .test(),
        name: String? = "mx.example.com"
    ) throws {
        try self.init(server: TLSServerContext(server), client: TLSClientContext(client), name: name)
    }

    /// Carries bytes both ways until neither end has more to say.
    func exchange(split: Split = .whole) {
        while !client.out.isEmpty || !server.out.isEmpty {
            server.receive(client.takeOut(), split: split)
            client.receive(server.takeOut(), split: split)
        }
    }

    var isEstablished: Bool { client.engine.isEstablished && server.engine.isEstablished }

    /// After the handshake, which must succeed.
    static func established(
        server: TLSServerConfiguration = .test(), client: TLSClientConfiguration = .test(),
        name: String? = "mx.example.com"
    ) throws -> TLSPair {
        let pair = try TLSPair(server: server, client: client, name: name)
        pair.exchange()
        guard pair.isEstablished else { throw pair.server.engine.failure ?? pair.client.engine.failure ?? .closed }
        return pair
    }
}
