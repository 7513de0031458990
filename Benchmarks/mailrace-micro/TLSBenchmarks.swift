import Ring
import TLS
import TestCertificates

/// OpenSSL as it is used here: records and handshakes, between two ends in memory.
func tlsBenchmarks() -> [Benchmark] {
    [64, 16 << 10].flatMap { recordBenchmarks($0) } + handshakeBenchmarks()
}

/// A client and a server with P-256, one shard's contexts of each.
private final class TLSPair {
    let client: TLSEngine
    let server: TLSEngine
    private var toServer = ByteQueue()
    private var toClient = ByteQueue()
    private var plaintext = ByteQueue()

    init(_ contexts: (server: TLSServerContext, client: TLSClientContext), session: TLSSession? = nil) {
        server = TLSEngine(server: contexts.server)
        guard let client = try? TLSEngine(client: contexts.client, serverName: "mx.example.com", session: session)
        else {
            preconditionFailure("no client")
        }
        self.client = client
        _ = client.open([UInt8]().span.bytes, plaintext: &plaintext, reply: &toServer)
        while !toServer.isEmpty || !toClient.isEmpty {
            move(&toServer, to: server, answer: &toClient)
            move(&toClient, to: client, answer: &toServer)
        }
        precondition(client.isEstablished && server.isEstablished)
    }

    private func move(_ queue: inout ByteQueue, to engine: TLSEngine, answer: inout ByteQueue) {
        let status = queue.withBytes { engine.open($0, plaintext: &plaintext, reply: &answer) }
        precondition(status == .open)
        queue.removeAll()
    }

    /// - Parameter opens: whether the server reads it, without which the server is of no use afterwards.
    func send(_ bytes: [UInt8], opens: Bool) {
        precondition(client.seal(bytes.span.bytes, ciphertext: &toServer) == .open)
        guard opens else { return toServer.removeAll() }
        move(&toServer, to: server, answer: &toClient)
        precondition(plaintext.count == bytes.count)
        plaintext.removeAll()
    }

    static func contexts() -> (server: TLSServerContext, client: TLSClientContext) {
        let identity = TLSIdentity(
            certificateChain: TLSFile(name: "certificate", bytes: Array(TestCertificates.ecdsaChain.utf8)),
            privateKey: TLSFile(name: "key", bytes: Array(TestCertificates.ecdsaKey.utf8)))
        do throws(TLSConfigurationError) {
            let server = TLSServerConfiguration(listener: "mx", identities: [identity], ticketKeys: TLSTicketKeys())
            return (try TLSServerContext(server), try TLSClientContext(TLSClientConfiguration(authorities: .none)))
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

private func recordBenchmarks(_ length: Int) -> [Benchmark] {
    let bytes = [UInt8](repeating: 0x61, count: length)
    let pair = TLSPair(TLSPair.contexts())
    let oneWay = TLSPair(TLSPair.contexts())
    return [
        Benchmark("TLS record of \(length) bytes, sealed") { count in
            for _ in 0..<count { oneWay.send(bytes, opens: false) }
        },
        Benchmark("TLS record of \(length) bytes, sealed and opened") { count in
            for _ in 0..<count { pair.send(bytes, opens: true) }
        },
    ]
}

private func handshakeBenchmarks() -> [Benchmark] {
    let contexts = TLSPair.contexts()
    let first = TLSPair(contexts)
    guard let session = first.client.session else { preconditionFailure("nothing to resume") }
    return [
        Benchmark("TLS handshake, P-256, both ends") { count in
            for _ in 0..<count { precondition(!TLSPair(contexts).server.isResumed) }
        },
        Benchmark("TLS handshake, resumed, both ends") { count in
            for _ in 0..<count { precondition(TLSPair(contexts, session: session).server.isResumed) }
        },
    ]
}
