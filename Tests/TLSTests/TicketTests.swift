import Ring
import TLS
import Testing

@Suite("Session tickets")
struct TicketTests {
    /// A first connection, and what the client remembers of it.
    private func firstSession(
        server: TLSServerConfiguration, client: TLSClientContext, saysGoodbye: Bool = true
    ) throws -> TLSSession? {
        let pair = try TLSPair(server: TLSServerContext(server), client: client)
        pair.exchange()
        #expect(pair.isEstablished)
        #expect(!pair.server.engine.isResumed)
        if saysGoodbye {
            pair.client.end()
            pair.server.end()
            pair.exchange()
        }
        return pair.client.engine.session
    }

    private func isResumed(
        session: TLSSession, server: TLSServerConfiguration, client: TLSClientContext
    ) throws -> Bool {
        let pair = try TLSPair(server: TLSServerContext(server), client: client, session: session)
        pair.exchange()
        #expect(pair.isEstablished)
        #expect(pair.client.engine.isResumed == pair.server.engine.isResumed)
        #expect(pair.server.engine.serverName == "mx.example.com")
        pair.client.send("NOOP\r\n")
        pair.exchange()
        #expect(pair.server.takeText() == "NOOP\r\n")
        return pair.server.engine.isResumed
    }

    private func server(_ version: TLSVersion, listener: String = "mx", keys: TLSTicketKeys?) -> TLSServerConfiguration
    {
        .test {
            $0.listener = listener
            $0.ticketKeys = keys
            $0.parameters.allow(only: version)
        }
    }

    @Test(
        "another shard of the listener resumes, again and again", arguments: [TLSVersion.tls12, .tls13], [true, false])
    func sameListener(version: TLSVersion, saysGoodbye: Bool) throws {
        let keys = TLSTicketKeys()
        let client = try TLSClientContext(.test())
        let configuration = server(version, keys: keys)
        let session = try #require(
            try firstSession(server: configuration, client: client, saysGoodbye: saysGoodbye))
        for _ in 0..<3 {
            #expect(try isResumed(session: session, server: configuration, client: client))
        }
    }

    @Test("a session of a resumed connection resumes too", arguments: [TLSVersion.tls12, .tls13])
    func chained(version: TLSVersion) throws {
        let client = try TLSClientContext(.test())
        let configuration = server(version, keys: TLSTicketKeys())
        var session = try #require(try firstSession(server: configuration, client: client))
        for _ in 0..<3 {
            let pair = try TLSPair(server: TLSServerContext(configuration), client: client, session: session)
            pair.exchange()
            #expect(pair.server.engine.isResumed)
            session = try #require(pair.client.engine.session)
        }
    }

    @Test("another listener does not, even with the same keys", arguments: [TLSVersion.tls12, .tls13], [true, false])
    func otherListener(version: TLSVersion, sharesKeys: Bool) throws {
        let keys = TLSTicketKeys()
        let client = try TLSClientContext(.test())
        let session = try #require(try firstSession(server: server(version, keys: keys), client: client))
        let other = server(version, listener: "submission", keys: sharesKeys ? keys : TLSTicketKeys())
        #expect(try !isResumed(session: session, server: other, client: client))
    }

    @Test("without tickets nothing is resumed", arguments: [TLSVersion.tls12, .tls13])
    func off(version: TLSVersion) throws {
        let client = try TLSClientContext(.test())
        let without = server(version, keys: nil)
        #expect(try firstSession(server: without, client: client) == nil)

        let session = try #require(
            try firstSession(server: server(version, keys: TLSTicketKeys()), client: client))
        #expect(try !isResumed(session: session, server: without, client: client))
    }

    @Test("listeners' names of any length are told apart")
    func longNames() throws {
        let keys = TLSTicketKeys()
        let client = try TLSClientContext(.test())
        let name = String(repeating: "listener-", count: 20)
        let session = try #require(
            try firstSession(server: server(.tls13, listener: name + "a", keys: keys), client: client))
        #expect(
            try isResumed(session: session, server: server(.tls13, listener: name + "a", keys: keys), client: client))
        #expect(
            try !isResumed(session: session, server: server(.tls13, listener: name + "b", keys: keys), client: client))
    }

    @Test("keys are not printed")
    func secret() {
        #expect("\(TLSTicketKeys())" == "session ticket keys")
        #expect(String(reflecting: TLSTicketKeys()) == "session ticket keys")
    }
}
