import Ring
import TLS
import Testing

@Suite("End")
struct EndTests {
    @Test("close_notify ends one direction; the other goes on", arguments: [TLSVersion.tls12, .tls13])
    func halfClose(version: TLSVersion) throws {
        let pair = try TLSPair.established(server: .only(version), client: .only(version))
        pair.client.send("QUIT\r\n")
        pair.client.end()
        pair.exchange()
        #expect(pair.server.status == .ended)
        #expect(pair.server.takeText() == "QUIT\r\n")

        pair.server.send("221 bye\r\n")
        pair.exchange()
        #expect(pair.client.status == .open)
        #expect(pair.client.takeText() == "221 bye\r\n")

        pair.server.end()
        pair.exchange()
        #expect(pair.client.status == .ended)
        #expect(pair.client.engine.failure == nil)
        #expect(pair.server.engine.failure == nil)
    }

    @Test("an end is said once", arguments: [TLSVersion.tls12, .tls13])
    func once(version: TLSVersion) throws {
        let pair = try TLSPair.established(server: .only(version), client: .only(version))
        pair.server.end()
        let length = pair.server.out.count
        #expect(length > 0)
        pair.server.end()
        #expect(pair.server.out.count == length)
    }

    @Test("nothing counts after the peer's end")
    func afterEnd() throws {
        let pair = try TLSPair.established()
        pair.client.end()
        pair.server.receive(pair.client.takeOut() + Array("GET / HTTP/1.1\r\n\r\n".utf8))
        #expect(pair.server.status == .ended)
        pair.server.receive([0x17, 0x03, 0x03, 0xFF, 0xFF, 0x00])
        #expect(pair.server.status == .ended)
        #expect(pair.server.plaintext.count == 0)
        #expect(pair.server.out.count == 0)
    }

    @Test("a stream that just stops has not ended", arguments: [TLSVersion.tls12, .tls13])
    func truncation(version: TLSVersion) throws {
        let pair = try TLSPair.established(server: .only(version), client: .only(version))
        pair.client.send("DATA\r\n")
        pair.client.send("never seen")
        let ciphertext = pair.client.takeOut()
        pair.server.receive(Array(ciphertext.dropLast()))
        #expect(pair.server.status == .open)
        #expect(pair.server.takeText() == "DATA\r\n")
    }

    @Test("sealing after the end is a failure, not a trap")
    func sealAfterEnd() throws {
        let pair = try TLSPair.established()
        pair.server.end()
        #expect(pair.server.send("421 too late\r\n") == .failed)
        #expect(pair.server.engine.failure?.label == .internalError)
    }

    @Test("before the handshake there is no end and nothing to seal")
    func beforeHandshake() throws {
        let pair = try TLSPair()
        pair.server.end()
        #expect(pair.server.out.count == 0)
        #expect(pair.server.send("220 too early\r\n") == .failed)
        #expect(pair.server.engine.failure?.label == .internalError)
    }

    @Test("close_notify in the handshake is the peer's refusal")
    func endInHandshake() throws {
        let pair = try TLSPair()
        pair.server.receive(pair.client.takeOut())
        pair.server.receive([0x15, 0x03, 0x03, 0x00, 0x02, 0x01, 0x00])
        #expect(pair.server.status == .failed)
        #expect(pair.server.engine.failure == .peerAlert(.closeNotify))
    }
}
