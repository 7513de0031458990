import CTestHeap
import Glibc
import Ring
import TLS
import Testing

/// Figures to look at, not run by default, for other tests in the process would disturb them:
/// `MAILRACE_MEASURE=1 swift test -c release --filter MemoryTests`
@Suite("Memory", .serialized, .enabled(if: getenv("MAILRACE_MEASURE") != nil))
struct MemoryTests {
    private static let connections = 1000

    /// Heap per engine after a handshake and an exchange, its peer gone.
    private func bytesPerEnd(
        _ configuration: TLSServerConfiguration, of end: KeyPath<TLSPair, TLSEnd> = \.server,
        client: TLSClientConfiguration = .test(), then: (TLSPair) -> Void = { _ in }
    ) throws -> Int {
        let server = try TLSServerContext(configuration)
        let client = try TLSClientContext(client)
        var ends: [TLSEnd] = []
        ends.reserveCapacity(Self.connections)
        var before = 0
        // The first ones fill OpenSSL's caches.
        for index in -20..<Self.connections {
            if index == 0 { before = Int(ctestheap_bytes_in_use()) }
            let pair = try TLSPair(server: server, client: client)
            pair.exchange()
            pair.client.send("EHLO client.example.org\r\n")
            pair.exchange()
            pair.server.send(pair.server.take())
            pair.exchange()
            then(pair)
            if index >= 0 { ends.append(pair[keyPath: end]) }
        }
        let used = Int(ctestheap_bytes_in_use()) - before
        #expect(ends.count == Self.connections)
        return used / Self.connections
    }

    @Test("an idle connection holds no record buffer", arguments: [TLSVersion.tls12, .tls13], [true, false])
    func idle(version: TLSVersion, tickets: Bool) throws {
        let bytes = try bytesPerEnd(
            .test {
                $0.parameters.allow(only: version)
                $0.ticketKeys = tickets ? TLSTicketKeys() : nil
            })
        print("idle connection, \(version.rawValue), tickets \(tickets): \(bytes) bytes")
        #expect(bytes < 16_000)
    }

    @Test("an idle connection to a server holds its certificates beside that", arguments: [TLSVersion.tls12, .tls13])
    func idleClient(version: TLSVersion) throws {
        let bytes = try bytesPerEnd(.only(version), of: \.client)
        print("idle connection to a server, \(version.rawValue): \(bytes) bytes")
        #expect(bytes < 32_000)
    }

    @Test("an idle connection holds its client's certificate beside that", arguments: [TLSVersion.tls12, .tls13])
    func idleCertificate(version: TLSVersion) throws {
        let bytes = try bytesPerEnd(
            .test {
                $0.clientCertificates = .require(authorities: .root)
                $0.parameters.allow(only: version)
            }, client: .test { $0.identities = [.client] })
        print("idle connection with a client's certificate, \(version.rawValue): \(bytes) bytes")
        #expect(bytes < 32_000)
    }

    @Test("a failed connection holds nothing")
    func failed() throws {
        let bytes = try bytesPerEnd(.test()) { pair in
            pair.server.receive(Array("QUIT\r\nQUIT\r\n".utf8))
            _ = pair.server.takeOut()
        }
        print("failed connection: \(bytes) bytes")
        #expect(bytes < 700)
    }
}
