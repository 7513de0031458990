import Lookup
import Policy
import Ring
import TLS
import TestCertificates
import TestSupport
import Testing
import Wire

/// What an auth server of nginx's is told, field by field.
@Suite struct HTTPRequestTests {
    /// The fields of the request behind the request line.
    private static func fields(
        _ credentials: Credentials?, _ facts: @escaping @Sendable (SessionFacts) -> Void = { _ in },
        settings: @escaping @Sendable (inout HTTPAuthentication) -> Void = { _ in }
    ) async throws -> [String] {
        let (outcome, requests) = try await outcome(of: credentials, settings, facts: facts) { _ in
            HTTPPeer.answer("Auth-Status: OK", "Auth-Server: 127.0.0.1", "Auth-Port: 25")
        }
        #expect(outcome.acceptance != nil)
        let lines = try #require(requests.first?.lines)
        #expect(lines.first == "GET /auth HTTP/1.1")
        return Array(lines.dropFirst())
    }

    private static func secret(_ text: String) -> Secret {
        let bytes = Array(text.utf8)
        return Secret(bytes.span)
    }

    @Test func aPasswordIsToldInOrder() async throws {
        let fields = try await Self.fields(.plain("j o+e=%", "p w%"))
        #expect(
            fields == [
                "Host: 127.0.0.1", "Auth-Method: plain", "Auth-User: j%20o+e=%25", "Auth-Pass: p%20w%25",
                "Auth-Protocol: smtp", "Auth-Login-Attempt: 1", "Client-IP: 192.0.2.1", "Client-Host: [UNAVAILABLE]",
            ])
    }

    @Test func loginIsToldAsPlain() async throws {
        let credentials = Credentials(mechanism: .login, user: [0x61], proof: .password(Self.secret("b")))
        let fields = try await Self.fields(credentials)
        #expect(fields[1...3] == ["Auth-Method: plain", "Auth-User: a", "Auth-Pass: b"])
    }

    @Test func theIdentityToActAsIsNotTold() async throws {
        let credentials = Credentials(
            mechanism: .plain, user: [0x61], authorisationIdentity: [0x62], proof: .password(Self.secret("c")))
        #expect(try await Self.fields(credentials)[2] == "Auth-User: a")
    }

    @Test func aDigestIsToldWithItsChallenge() async throws {
        let digest = "0123456789abcdef0123456789abcdef"
        let challenge = "<1.2@mx.example>"
        let credentials = Credentials(
            mechanism: .cramMD5, user: [0x61],
            proof: .digest(Self.secret(digest), challenge: Array(challenge.utf8)))
        let fields = try await Self.fields(credentials)
        #expect(
            fields[1...4] == [
                "Auth-Method: cram-md5", "Auth-User: a", "Auth-Pass: \(digest)", "Auth-Salt: \(challenge)",
            ])
    }

    @Test func aCertificateHasNoPassword() async throws {
        let credentials = Credentials(mechanism: .external, user: [0x61], proof: .certificate)
        #expect(try await Self.fields(credentials)[1...3] == ["Auth-Method: external", "Auth-User: a", "Auth-Pass:"])
    }

    @Test(arguments: [SASLMechanism.xoauth2, .oauthbearer])
    func aTokenIsThePassword(mechanism: SASLMechanism) async throws {
        let user: [UInt8] = mechanism == .xoauth2 ? [0x61] : []
        let acting: [UInt8] = mechanism == .xoauth2 ? [] : [0x61]
        let credentials = Credentials(
            mechanism: mechanism, user: user, authorisationIdentity: acting, proof: .token(Self.secret("t%k=")))
        let name = mechanism == .xoauth2 ? "xoauth2" : "oauthbearer"
        #expect(
            try await Self.fields(credentials)[1...3] == ["Auth-Method: \(name)", "Auth-User: a", "Auth-Pass: t%25k="])
    }

    @Test func withoutAuthenticationTheEnvelopeIsTold() async throws {
        let fields = try await Self.fields(nil) { facts in
            facts.greeting = Greeting(isExtended: true, name: Array("c.test".utf8))
            facts.reversePath = EnvelopePath(command: Array("MAIL FROM:<a@x> SIZE=1".utf8), address: [])
            facts.candidate = EnvelopePath(command: Array("RCPT TO:<b@y>".utf8), address: [])
        }
        #expect(
            fields == [
                "Host: 127.0.0.1", "Auth-Method: none", "Auth-User:", "Auth-Pass:", "Auth-Protocol: smtp",
                "Auth-Login-Attempt: 1", "Client-IP: 192.0.2.1", "Client-Host: [UNAVAILABLE]",
                "Auth-SMTP-Helo: c.test", "Auth-SMTP-From: MAIL FROM:<a@x> SIZE=1", "Auth-SMTP-To: RCPT TO:<b@y>",
            ])
    }

    /// nginx lets NUL and other controls of the envelope through; here they are written `%XX`.
    @Test func theEnvelopeInjectsNothing() async throws {
        let fields = try await Self.fields(nil) { facts in
            facts.greeting = Greeting(isExtended: true, name: Array("c\r\nAuth-Status: OK\0%41\u{7f}".utf8))
        }
        #expect(fields.contains("Auth-SMTP-Helo: c%0D%0AAuth-Status: OK%00%41%7F"))
        #expect(!fields.contains { $0.hasPrefix("Auth-Status") })
    }

    @Test func theClientIsToldAsItIsKnown() async throws {
        let fields = try await Self.fields(.plain("a", "b")) { facts in
            facts.client = SocketAddress(
                octets: [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1], port: 9)
            facts.clientName = .known("c.example")
            facts.authenticationAttempts = 3
            facts.proxied = ProxiedAddresses(
                source: SocketAddress(octets: [203, 0, 113, 1], port: 4711),
                destination: SocketAddress(octets: [203, 0, 113, 2], port: 25))
        }
        #expect(
            fields[5...] == [
                "Auth-Login-Attempt: 3", "Client-IP: 2001:db8::1", "Client-Host: c.example",
                "Proxy-Protocol-Addr: 203.0.113.1", "Proxy-Protocol-Port: 4711",
                "Proxy-Protocol-Server-Addr: 203.0.113.2", "Proxy-Protocol-Server-Port: 25",
            ])
        let unknown = try await Self.fields(nil) { $0.clientName = .temporarilyUnavailable }
        #expect(unknown.contains("Client-Host: [TEMPUNAVAIL]"))
    }

    @Test func tlsIsTold() async throws {
        let fields = try await Self.fields(.plain("a", "b")) {
            $0.tls = ClientTLS(protocolVersion: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384", serverName: "x")
        }
        #expect(
            fields.suffix(3) == [
                "Auth-SSL: on", "Auth-SSL-Protocol: TLSv1.3", "Auth-SSL-Cipher: TLS_AES_256_GCM_SHA384",
            ])
    }

    @Test func theClientsCertificateIsTold() async throws {
        let root = TLSFile("root.pem", TestCertificates.root)
        let told = try tlsOfClient(authorities: root)
        func fields(of told: ClientFacts, passes: Bool = false) async throws -> [String] {
            try await Self.fields(
                .plain("a", "b"),
                { facts in
                    facts.tls = ClientTLS(
                        protocolVersion: "TLSv1.3", cipher: "x", verification: told.verification,
                        certificate: told.certificate)
                }, settings: { $0.passesClientCertificate = passes })
        }
        let names = [
            "Auth-SSL-Verify: SUCCESS", "Auth-SSL-Subject: CN=client.example.com",
            "Auth-SSL-Issuer: CN=Mailrace Test Root",
            "Auth-SSL-Serial: 283A45A29A86DEC28F45463E419DF6EA5206CC61",
            "Auth-SSL-Fingerprint: 4069d1cbcc2bd9010e6dab36b1c43bf328776f61",
        ]
        #expect(try await fields(of: told).suffix(5) == names[...])
        let passed = try await fields(of: told, passes: true)
        #expect(passed.dropLast().suffix(5) == names[...])
        let pem = passed.last?.replacingEscapes
        #expect(pem == "Auth-SSL-Cert: " + TestCertificates.clientCertificate + "\n")
        let nobody = try tlsOfClient(authorities: nil)
        #expect(try await fields(of: nobody).contains { $0.hasPrefix("Auth-SSL-Verify: FAILED:") })
        let none = try tlsOfClient(authorities: root, shows: false)
        #expect(try await fields(of: none).last == "Auth-SSL-Verify: NONE")
    }

    @Test func furtherFieldsComeLast() async throws {
        let fields = try await Self.fields(
            .plain("a", "b"),
            settings: { $0.fields = [("X-Auth-Key", "k e y"), ("X-Empty", "")] })
        #expect(fields.suffix(2) == ["X-Auth-Key: k e y", "X-Empty:"])
    }
}

extension String {
    /// With `%XX` as what it stands for.
    fileprivate var replacingEscapes: String {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
                rest = rest.dropFirst(2)
                bytes.append(value)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
