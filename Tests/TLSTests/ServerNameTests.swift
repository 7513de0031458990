import COpenSSL
import Ring
import Testing

@testable import TLS

extension TLSServerConfiguration.NamedIdentities {
    /// The example of the tests: RSA for a wildcard, ECDSA for one name below it and one elsewhere.
    static let test = [
        Self(label: "sni 1", names: ["*.example.net", "*.Example.ORG."], identities: [.wildcard]),
        Self(label: "sni 2", names: ["Mail.Example.org", "b.example.net", "c.example.net."], identities: [.named]),
    ]
}

extension TLSServerConfiguration {
    fileprivate static func named(_ version: TLSVersion, keys: TLSTicketKeys? = nil) -> Self {
        test {
            $0.parameters.allow(only: version)
            $0.namedIdentities = NamedIdentities.test
            $0.ticketKeys = keys
        }
    }
}

@Suite("Server names")
struct ServerNameTests {
    private static let lenient = TLSClientConfiguration(authorities: .none)

    @Test(
        "choose the identities",
        arguments: [
            ("mail.example.org", "mail.example.org"), ("MAIL.example.ORG", "mail.example.org"),
            ("a.example.net", "*.example.net"), ("A.EXAMPLE.NET", "*.example.net"),
            ("other.example.org", "*.example.net"), ("b.example.net", "mail.example.org"),
            ("c.example.net", "mail.example.org"), ("a.b.example.net", "mx.example.com"),
            ("example.net", "mx.example.com"), ("net", "mx.example.com"), ("mx.example.com", "mx.example.com"),
            ("unheard.of", "mx.example.com"), ("127.0.0.1", "mx.example.com"), (nil, "mx.example.com"),
        ], [TLSVersion.tls12, .tls13])
    func choice(asked: (name: String?, served: String), version: TLSVersion) throws {
        let pair = try TLSPair(server: .named(version), client: Self.lenient, name: asked.name)
        pair.exchange()
        #expect(pair.client.engine.peerCertificate?.commonName == asked.served)
        #expect(pair.server.engine.ownCertificate?.commonName == asked.served)
        #expect(pair.server.engine.serverName == (asked.name == "127.0.0.1" ? nil : asked.name))
    }

    @Test("choose however the bytes are cut, and verify", arguments: Split.all, [TLSVersion.tls12, .tls13])
    func everySplit(split: Split, version: TLSVersion) throws {
        for name in ["mail.example.org", "a.example.net"] {
            let pair = try TLSPair(server: .named(version), client: .test(), name: name)
            pair.exchange(split: split)
            #expect(pair.isEstablished)
            #expect(pair.client.engine.verification?.outcome == .verified)
        }
    }

    @Test("choose once, even if the client is asked to begin again")
    func helloRetry() throws {
        let pair = try TLSPair(
            server: .test {
                $0.namedIdentities = TLSServerConfiguration.NamedIdentities.test
                $0.parameters.groups = "P-384"
            },
            client: .test { $0.parameters.groups = "X25519:P-384" }, name: "mail.example.org")
        pair.exchange()
        #expect(pair.isEstablished)
        #expect(pair.client.engine.peerCertificate?.commonName == "mail.example.org")
        #expect(pair.client.engine.group == "secp384r1")
    }

    @Test("keep the listener's ciphers", arguments: [TLSVersion.tls12, .tls13])
    func parameters(version: TLSVersion) throws {
        var configuration = TLSServerConfiguration.named(version)
        configuration.parameters.ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305"
        configuration.parameters.ciphersuites = "TLS_CHACHA20_POLY1305_SHA256"
        let pair = try TLSPair.established(server: configuration, name: "mail.example.org")
        #expect(pair.server.engine.cipher?.contains("CHACHA20") == true)
    }

    @Test("outlive the context in a handshake")
    func contextGone() throws {
        var context: TLSServerContext? = try TLSServerContext(.named(.tls13))
        let server = TLSEnd(TLSEngine(server: try #require(context)))
        context = nil
        let client = TLSEnd(try TLSEngine(client: try TLSClientContext(.test()), serverName: "mail.example.org"))
        client.begin()
        server.receive(client.takeOut(), split: .every(7))
        client.receive(server.takeOut())
        server.receive(client.takeOut())
        #expect(server.engine.isEstablished)
        #expect(client.engine.peerCertificate?.commonName == "mail.example.org")
    }

    @Test(
        "bind sessions",
        arguments: [
            ("mail.example.org", "mail.example.org", true), ("a.example.net", "a.example.net", true),
            ("mail.example.org", "a.example.net", false), ("a.example.net", "mail.example.org", false),
            ("mx.example.com", "mail.example.org", false), ("mail.example.org", "mx.example.com", false),
            ("mail.example.org", "b.example.net", false), ("mx.example.com", nil, false),
            (nil, "mx.example.com", false), (nil, nil, true),
        ], [TLSVersion.tls12, .tls13])
    func sessions(_ names: (first: String?, second: String?, resumes: Bool), version: TLSVersion) throws {
        let keys = TLSTicketKeys()
        // Our client offers a session to the server of its name alone; a stranger may do otherwise.
        let context = try TLSClientContext(Self.lenient)
        let first = try TLSPair(
            server: TLSServerContext(.named(version, keys: keys)), client: context, name: names.first)
        first.exchange()
        let engine = try #require(first.client.engine.pointer)
        let pointer = try #require(copenssl_engine_copy_session(engine))
        let forged = TLSSession(owning: pointer, of: TLSSession.Origin(context.handle, names.second))
        let second = try TLSPair(
            server: TLSServerContext(.named(version, keys: keys)), client: context, name: names.second, session: forged)
        second.exchange()
        #expect(second.isEstablished)
        #expect(second.server.engine.isResumed == names.resumes)
        #expect(second.server.engine.serverName == names.second)
    }

    @Test("are read from the extension, or left to OpenSSL")
    func extensionBody() {
        func body(_ name: [UInt8]) -> [UInt8] {
            let (all, own) = (name.count + 3, name.count)
            return [UInt8(all >> 8), UInt8(all & 255), 0, UInt8(own >> 8), UInt8(own & 255)] + name
        }
        func read(_ bytes: [UInt8]) -> String? {
            ServerName.requested(in: bytes.span).map { String(decoding: $0, as: UTF8.self) }
        }
        let good = body(Array("Mx.Example.COM.".utf8))
        #expect(read(good) == "mx.example.com")
        for count in 0..<good.count { #expect(read(Array(good[..<count])) == nil) }
        for index in 0..<5 {
            var bad = good
            bad[index] ^= 1
            #expect(read(bad) == nil)
        }
        #expect(read(good + [0]) == nil)
        #expect(read(body([])) == nil)
        #expect(read(body([UInt8](repeating: 97, count: 254)))?.count == 254)
        #expect(read(body([UInt8](repeating: 97, count: 255))) == nil)
    }

    @Test(
        "that no client can ask for",
        arguments: [
            "", ".", "*", "*.", "a..b", ".a", "*.*.example.net", "a.*.example.net", "m*.example.net", "a b", "a\0b",
            "münchen.example", "-a.example", "a-.example", "10.0.0.1", "[::1]", "mx.example.com:25",
            String(repeating: "a", count: 64), String(repeating: "abc.", count: 64) + "de",
        ])
    func badNames(name: String) throws {
        let error = try #require(throws: TLSConfigurationError.self) {
            try TLSServerContext(
                .test {
                    $0.namedIdentities = [.init(label: "tls.mx.sni 1", names: ["a.b", name], identities: [.named])]
                })
        }
        #expect(
            error.description
                == "tls.mx.sni 1: \"\(name)\" is neither a host name nor a wildcard like *.example.net")
    }

    @Test("in sets that cannot be used")
    func badSets() throws {
        func message(_ sets: [TLSServerConfiguration.NamedIdentities]) throws -> String {
            try #require(throws: TLSConfigurationError.self) {
                try TLSServerContext(.test { $0.namedIdentities = sets })
            }.description
        }
        let good = TLSServerConfiguration.NamedIdentities.test
        #expect(try message([.init(label: "x", names: [], identities: [.named])]) == "x: names are needed")
        #expect(
            try message([.init(label: "x", names: ["a.b"], identities: [])])
                == "x: a server needs a certificate and its key")
        #expect(
            try message(good + [.init(label: "x", names: ["MAIL.example.org."], identities: [.named])])
                == "x: \"MAIL.example.org.\" has a certificate already")
        #expect(
            try message(good + [.init(label: "x", names: ["*.example.ORG"], identities: [.named])])
                == "x: \"*.example.ORG\" has a certificate already")
        #expect(
            try message([.init(label: "x", names: ["a.b"], identities: [.named, .ecdsa])])
                == "ecdsa.pem: another certificate of the same key type is configured already")
        let expired = try TLSServerContext(
            .test { $0.namedIdentities = [.init(label: "x", names: ["a.b"], identities: [.expired])] })
        #expect(expired.doubts.map(\.subject) == ["expired.pem"])
    }
}
