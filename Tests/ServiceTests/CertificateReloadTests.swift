import Glibc
import Ring
import TLS
import TestCertificates
import TestSupport
import Testing

@testable import Service

/// Certificates that are renewed while the server runs.
@Suite(.serialized) struct CertificateReloadTests {
    /// A client inside TLS 1.2, whose cipher tells the type of the certificate, and its upstream.
    private func secured(_ server: TestServer) throws -> (client: Peer, upstream: Peer) {
        let client = try server.client()
        let upstream = try server.greeted(client)
        try client.send("EHLO c\r\n")
        try upstream.expect("EHLO c\r\n")
        try upstream.send("250 mx.example\r\n")
        try client.expect("250-mx.example\r\n250 STARTTLS\r\n")
        try client.send("STARTTLS\r\n")
        try client.expect("220 2.0.0 Ready to start TLS\r\n")
        try client.secure(.only(.tls12))
        return (client, upstream)
    }

    /// The cipher of the next session to end.
    private func cipher(_ server: TestServer, _ session: (client: Peer, upstream: Peer)) throws -> String {
        session.client.close()
        session.upstream.close()
        return try server.log.session()["cipher"] ?? "none"
    }

    @Test func aNewCertificateIsShownAndOldSessionsGoOn() throws {
        let server = try TestServer()
        let old = try secured(server)
        try server.folder.write("chain.pem", TestCertificates.rsaChain)
        try server.folder.write("key.pem", TestCertificates.rsaKey)
        server.started.events.noteFilesChanged()
        _ = try server.log.message("certificate files reloaded")
        let new = try secured(server)
        try old.client.send("MAIL FROM:<>\r\n")
        try old.upstream.expect("MAIL FROM:<>\r\n")
        #expect(try cipher(server, old).contains("-ECDSA-"))
        #expect(try cipher(server, new).contains("-RSA-"))
        #expect(server.drain() == .drained)
    }

    @Test func halfAPairIsRefusedOnceAndTheWholeIsTaken() throws {
        let server = try TestServer()
        try server.folder.write("chain.pem", TestCertificates.rsaChain)
        for _ in 0..<3 {
            server.started.events.noteFilesChanged()
            // Comes after it, so that it has been dealt with.
            #expect(!server.started.events.reload().isDone)
        }
        let first = try secured(server)
        #expect(try cipher(server, first).contains("-ECDSA-"))
        try server.folder.write("key.pem", TestCertificates.rsaKey)
        server.started.events.noteFilesChanged()
        _ = try server.log.message("certificate files reloaded")
        #expect(server.log.messages.count { $0.contains("the former stay in use") } == 1)
        let second = try secured(server)
        #expect(try cipher(server, second).contains("-RSA-"))
        #expect(server.drain() == .drained)
    }

    @Test func theEndOfTroubleIsTold() throws {
        let server = try TestServer()
        try server.folder.write("chain.pem", "nothing\n")
        server.started.events.noteFilesChanged()
        _ = try server.log.message("the former stay in use")
        try server.folder.write("chain.pem", TestCertificates.ecdsaChain)
        server.started.events.noteFilesChanged()
        _ = try server.log.message("files are as before again")
        #expect(server.drain() == .drained)
    }

    @Test func filesThatSayTheSameChangeNothing() throws {
        let server = try TestServer()
        try server.folder.write("key.pem", TestCertificates.ecdsaKey)
        server.started.events.noteFilesChanged()
        #expect(server.drain() == .drained)
        _ = try server.log.message("ended")
        #expect(!server.log.messages.contains { $0.contains("reloaded") })
    }

    /// An administrator is half-way through the configuration file when the certificate is renewed.
    @Test func theConfigurationFileIsNotLookedAt() throws {
        let server = try TestServer()
        try server.folder.write("mailrace.toml", "[listener.mx")
        try server.folder.write("chain.pem", TestCertificates.rsaChain)
        try server.folder.write("key.pem", TestCertificates.rsaKey)
        server.started.events.noteFilesChanged()
        _ = try server.log.message("certificate files reloaded")
        #expect(!server.started.events.reload().isDone)
        #expect(try cipher(server, secured(server)).contains("-RSA-"))
        #expect(server.drain() == .drained)
    }

    @Test func aFileIsFoundToHaveChanged() throws {
        let server = try TestServer()
        try server.folder.write("chain.pem", TestCertificates.rsaChain)
        try server.folder.write("key.pem", TestCertificates.rsaKey)
        _ = try server.log.message("certificate files reloaded")
        #expect(server.drain() == .drained)
    }
}
