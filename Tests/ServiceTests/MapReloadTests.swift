import Glibc
import Policy
import TestCertificates
import TestSupport
import Testing

@testable import Service

/// Maps of a server that runs, when what they are made of changes.
@Suite(.serialized) struct MapReloadTests {
    private func setup(_ map: String) -> ServerSetup {
        ServerSetup { setup in
            setup.shards = 1
            setup.listeners[0].more = """
                depth = "envelope"
                [[listener.mx.route]]
                map = "customers"
                [map.customers]
                upstream_settings = "backend"
                keys = ["domain"]
                \(map)
                """
        }
    }

    private func command(_ words: String...) -> String {
        "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
    }

    /// The reply to a recipient, whom Redis is asked about on a new connection, which has this password.
    private func reply(_ server: TestServer, _ redis: LoopbackServer, password: String) throws -> (String, Peer) {
        let client = try server.client()
        #expect(try client.line().hasPrefix("220 "))
        try client.send("HELO c\r\nMAIL FROM:<a@client.test>\r\n")
        for _ in 0..<2 { #expect(try client.line().hasPrefix("250 ")) }
        try client.send("RCPT TO:<b@a.example>\r\n")
        let peer = try redis.accept()
        try peer.expect(command("AUTH", password) + command("PING"))
        try peer.send("+OK\r\n+PONG\r\n")
        try peer.expect(command("GET", "a.example"))
        try peer.send("-ERR no\r\n")
        return (try client.line(), peer)
    }

    @Test func aNewPasswordIsUsedByTheNextSession() throws {
        let folder = try TemporaryFolder()
        try folder.write("password", "one\n")
        let redis = try LoopbackServer()
        let server = try TestServer(
            setup(
                """
                type = "redis"
                server = "\(redis.address)"
                password_file = "\(folder.path)/password"
                timeout = "10s"
                """))
        let (first, former) = try reply(server, redis, password: "one")
        #expect(first.hasPrefix("451 "))
        try folder.write("password", "two\n")
        server.started.events.noteFilesChanged()
        _ = try server.log.message("certificate files reloaded")
        let (second, _) = try reply(server, redis, password: "two")
        #expect(second.hasPrefix("451 "))
        // Nobody has anything to ask on the former one.
        try former.expectEnd()
        #expect(server.drain() == .drained)
    }

    @Test func aCertificateIsRenewedWhateverIsWrongWithRoutes() throws {
        let folder = try TemporaryFolder()
        try folder.write("routes.csv", "key;server\na.example;backend\n")
        let server = try TestServer(setup("type = \"csv\"\nfile = \"\(folder.path)/routes.csv\""))
        try folder.write("routes.csv", "key;server\nrubbish\n")
        try server.folder.write("chain.pem", TestCertificates.rsaChain)
        try server.folder.write("key.pem", TestCertificates.rsaKey)
        server.started.events.noteFilesChanged()
        _ = try server.log.message("certificate files reloaded")
        // Who changes the configuration is told.
        let report = server.started.events.reload()
        #expect(report.problems.contains { $0.contains("line 2: no semicolon stands behind the key") })
        #expect(server.drain() == .drained)
    }
}
