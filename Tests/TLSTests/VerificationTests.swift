import Glibc
import Ring
import TLS
import TestCertificates
import Testing

@Suite("Verification of servers")
struct VerificationTests {
    static let versions = [TLSVersion.tls12, .tls13]
    /// What a server shows, the name that is dialled, and what is found with the intermediate as the authority.
    static let found: [(TLSIdentity, String, TLSVerification.Outcome)] = [
        (.ecdsa, "mx.example.com", .verified), (.rsa, "a.example.net", .verified), (.ecdsa, "127.0.0.1", .verified),
        (.ecdsa, "::1", .verified), (.ecdsa, "mx.example.org", .nameMismatch), (.ecdsa, "127.0.0.2", .nameMismatch),
        (.expired, "mx.example.com", .expired), (.future, "mx.example.com", .notYetValid),
        (.selfSigned, "mx.example.com", .selfSigned), (.named, "mail.example.org", .unknownAuthority),
        (.client, "client.example.com", .unknownAuthority),
    ]
    private static let pin = bytes(TestCertificates.ecdsaPin)
    private static let otherPin = [UInt8](repeating: 7, count: 32)

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal)
        return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
    }

    private func pair(
        _ identity: TLSIdentity, name: String? = "mx.example.com", version: TLSVersion,
        authorities: TLSClientConfiguration.Authorities = .file(.intermediate), pins: [[UInt8]] = [], isEnforced: Bool
    ) throws -> TLSPair {
        let pair = try TLSPair(
            server: .test {
                $0.identities = [identity]
                $0.parameters.allow(only: version)
            },
            client: .test {
                $0.authorities = authorities
                $0.pins = pins
                $0.isEnforced = isEnforced
            }, name: name)
        pair.exchange()
        return pair
    }

    @Test("only reports where it is not enforced", arguments: found, versions)
    func reports(found: (TLSIdentity, String, TLSVerification.Outcome), version: TLSVersion) throws {
        let pair = try pair(found.0, name: found.1, version: version, isEnforced: false)
        #expect(pair.isEstablished)
        let verification = try #require(pair.client.engine.verification)
        #expect(verification.outcome == found.2)
        #expect((verification.code == 0) == (found.2 == .verified))
        #expect(verification.isRefusal == (found.2 != .verified))
        #expect(!verification.text.isEmpty)
        pair.client.send("EHLO a\r\n")
        pair.server.send("250 mx\r\n")
        pair.exchange()
        #expect(pair.server.takeText() == "EHLO a\r\n")
        #expect(pair.client.takeText() == "250 mx\r\n")
    }

    @Test("reports however the bytes are cut", arguments: Split.all, versions)
    func everySplit(split: Split, version: TLSVersion) throws {
        let pair = try TLSPair(
            server: .test {
                $0.identities = [TLSIdentity("forged", Self.forgedCertificate, TestCertificates.ecdsaKey)]
                $0.clientCertificates = .request(authorities: .root)
                $0.parameters.allow(only: version)
            },
            client: .test {
                $0.authorities = .file(.intermediate)
                $0.isEnforced = false
                $0.identities = [.otherClient]
            })
        pair.exchange(split: split)
        #expect(pair.isEstablished)
        #expect(pair.client.engine.verification?.outcome == .badSignature)
        #expect(pair.server.engine.verification?.outcome == .unknownAuthority)
    }

    /// A good certificate, its signature altered.
    private static var forgedCertificate: String {
        var lines = TestCertificates.ecdsaCertificate.split(separator: "\n").map(String.init)
        let last = lines.count - 2
        lines[last] = (lines[last].hasPrefix("A") ? "B" : "A") + lines[last].dropFirst()
        return lines.joined(separator: "\n")
    }

    @Test("looks at the length of keys", arguments: versions, [true, false])
    func weak(version: TLSVersion, isEnforced: Bool) throws {
        let pair = try TLSPair(
            server: .test {
                $0.parameters.ciphers = "DEFAULT@SECLEVEL=0"
                $0.parameters.allow(only: version)
                $0.identities = [TLSIdentity("weak", TestCertificates.weakCertificate, TestCertificates.weakKey)]
            },
            client: .test {
                $0.authorities = .file(.intermediate)
                $0.isEnforced = isEnforced
            })
        pair.exchange()
        #expect(pair.isEstablished == !isEnforced)
        let found = pair.client.engine.verification ?? pair.client.engine.failure?.verification
        #expect(found?.outcome == .tooWeak)
    }

    @Test("decides where it is enforced", arguments: found, versions)
    func decides(found: (TLSIdentity, String, TLSVerification.Outcome), version: TLSVersion) throws {
        let pair = try pair(found.0, name: found.1, version: version, isEnforced: true)
        #expect(pair.isEstablished == (found.2 == .verified))
        guard found.2 != .verified else { return }
        #expect(pair.client.engine.failure?.label == .badCertificate)
        #expect(pair.client.engine.failure?.verification?.outcome == found.2)
        #expect(pair.client.engine.verification == nil)
        #expect(pair.server.engine.failure?.label == .peerAlert)
    }

    @Test("looks at the use of a certificate", arguments: versions)
    func purpose(version: TLSVersion) throws {
        let pair = try pair(
            .client, name: "client.example.com", version: version, authorities: .file(.root), isEnforced: false)
        #expect(pair.client.engine.verification?.outcome == .wrongPurpose)
    }

    @Test("of nothing", arguments: versions)
    func none(version: TLSVersion) throws {
        for identity in [TLSIdentity.ecdsa, .expired, .selfSigned] {
            let pair = try pair(identity, name: nil, version: version, authorities: .none, isEnforced: true)
            #expect(pair.isEstablished)
            #expect(pair.client.engine.verification?.outcome == .unchecked)
            #expect(pair.client.engine.peerCertificate != nil)
        }
    }

    @Test("by a pin alone needs no name and no authority", arguments: versions)
    func pinned(version: TLSVersion) throws {
        for pins in [[Self.pin], [Self.otherPin, Self.pin]] {
            for name in ["unheard.of", nil] {
                let pair = try pair(
                    .ecdsa, name: name, version: version, authorities: .none, pins: pins, isEnforced: true)
                #expect(pair.isEstablished)
                #expect(pair.client.engine.verification?.outcome == .verified)
            }
        }
    }

    @Test("by a pin that does not match", arguments: versions, [true, false])
    func notPinned(version: TLSVersion, isEnforced: Bool) throws {
        for (identity, pin) in [(TLSIdentity.ecdsa, Self.otherPin), (.rsa, Self.pin)] {
            for authorities in [TLSClientConfiguration.Authorities.none, .file(.root)] {
                let pair = try pair(
                    identity, version: version, authorities: authorities, pins: [pin], isEnforced: isEnforced)
                #expect(pair.isEstablished == !isEnforced)
                let found = pair.client.engine.verification ?? pair.client.engine.failure?.verification
                #expect(found?.outcome == .pinMismatch)
                #expect(found?.text == "the key is not pinned")
            }
        }
    }

    @Test("by a pin and an authority needs both", arguments: versions)
    func pinAndAuthority(version: TLSVersion) throws {
        let good = try pair(.ecdsa, version: version, pins: [Self.pin], isEnforced: true)
        #expect(good.client.engine.verification?.outcome == .verified)
        let otherName = try pair(.ecdsa, name: "unheard.of", version: version, pins: [Self.pin], isEnforced: true)
        #expect(otherName.client.engine.failure?.verification?.outcome == .nameMismatch)
        let unknown = try pair(
            .ecdsa, version: version, authorities: .file(.otherRoot), pins: [Self.pin], isEnforced: true)
        #expect(unknown.client.engine.failure?.verification?.outcome == .unknownAuthority)
    }

    @Test("by pins of another length")
    func badPins() throws {
        for count in [0, 20, 31, 33] {
            let error = try #require(throws: TLSConfigurationError.self) {
                try TLSClientContext(
                    TLSClientConfiguration(authorities: .none, pins: [Self.pin, [UInt8](repeating: 0, count: count)]))
            }
            #expect(error.problem == .badPin(bytes: count))
        }
    }

    @Test("by the system's authorities does not know ours", arguments: versions)
    func system(version: TLSVersion) throws {
        let pair = try pair(.ecdsa, version: version, authorities: .system, isEnforced: true)
        #expect(pair.client.engine.failure?.verification?.outcome == .unknownAuthority)
    }

    @Test("by the system's authorities, wherever they are")
    func systemFile() async {
        await #expect(processExitsWith: .success) {
            var path = Array("/tmp/mailrace-authorities-XXXXXX".utf8CString)
            let file = mkstemp(&path)
            let text = Array(TestCertificates.root.utf8)
            guard file >= 0, write(file, text, text.count) == text.count else { exit(3) }
            setenv("SSL_CERT_FILE", path, 1)
            let context = try TLSClientContext(TLSClientConfiguration(authorities: .system))
            unlink(path)
            let pair = try TLSPair(server: TLSServerContext(.test()), client: context)
            pair.exchange()
            exit(pair.client.engine.verification?.outcome == .verified ? 0 : 4)
        }
    }

    @Test("without a name to look for, where nothing is enforced")
    func nameless() throws {
        var configuration = TLSClientConfiguration(authorities: .file(.root))
        configuration.isEnforced = false
        let pair = try TLSPair(client: configuration, name: nil)
        pair.exchange()
        #expect(pair.isEstablished && pair.client.engine.verification?.outcome == .verified)
    }

    @Test("by the system's authorities as they are now")
    func systemFileChanged() async {
        await #expect(processExitsWith: .success) {
            var path = Array("/tmp/mailrace-authorities-XXXXXX".utf8CString)
            let file = mkstemp(&path)
            setenv("SSL_CERT_FILE", path, 1)
            var outcomes: [TLSVerification.Outcome?] = []
            for authority in [TestCertificates.otherRoot, TestCertificates.root + "\n"] {
                let text = Array(authority.utf8)
                guard pwrite(file, text, text.count, 0) == text.count, ftruncate(file, text.count) == 0 else { exit(3) }
                let context = try TLSClientContext(TLSClientConfiguration(authorities: .system))
                let pair = try TLSPair(server: TLSServerContext(.test()), client: context)
                pair.exchange()
                let engine = pair.client.engine
                outcomes.append((engine.failure?.verification ?? engine.verification)?.outcome)
            }
            unlink(path)
            exit(outcomes == [.unknownAuthority, .verified] ? 0 : 4)
        }
    }

    @Test("is not tricked by a server without a certificate")
    func anonymous() throws {
        let list = "ADH:AECDH:@SECLEVEL=0"
        for (authorities, isEnforced, works) in [
            (TLSClientConfiguration.Authorities.file(.root), true, false), (.file(.root), false, true),
            (.none, true, true),
        ] {
            let pair = try TLSPair(
                server: .test {
                    $0.parameters.allow(only: .tls12)
                    $0.parameters.ciphers = list
                },
                client: .test {
                    $0.parameters.allow(only: .tls12)
                    $0.parameters.ciphers = list
                    $0.authorities = authorities
                    $0.isEnforced = isEnforced
                })
            pair.exchange()
            #expect(pair.client.engine.isEstablished == works)
            #expect(pair.client.engine.failure?.label == (works ? nil : .noCertificate))
            if works { #expect(pair.client.engine.verification?.outcome == .noCertificate) }
        }
    }

    @Test("words are stable")
    func words() {
        #expect(
            TLSVerification.Outcome.allCases.map(\.rawValue) == [
                "verified", "unchecked", "no_certificate", "expired", "not_yet_valid", "self_signed", "unknown_ca",
                "name_mismatch", "pin_mismatch", "revoked", "wrong_purpose", "too_weak", "bad_signature", "other",
            ])
    }
}

@Suite("Sessions of clients")
struct ClientSessionTests {
    /// Whether a session that began with the first name and context is resumed with the second ones.
    private func isResumed(
        _ version: TLSVersion, from first: (TLSClientContext, String), to second: (TLSClientContext, String)
    ) throws -> Bool {
        let server = TLSServerConfiguration.test {
            $0.parameters.allow(only: version)
            $0.ticketKeys = TLSTicketKeys()
        }
        let beginning = try TLSPair(server: TLSServerContext(server), client: first.0, name: first.1)
        beginning.exchange()
        let session = try #require(beginning.client.engine.session)
        let next = try TLSPair(
            server: TLSServerContext(server), client: second.0, name: second.1, session: session)
        next.exchange()
        #expect(next.isEstablished)
        #expect(next.client.engine.verification == beginning.client.engine.verification)
        #expect(next.client.engine.peerCertificate == beginning.client.engine.peerCertificate)
        return next.client.engine.isResumed
    }

    @Test("are offered to the same name alone", arguments: [TLSVersion.tls12, .tls13])
    func names(version: TLSVersion) throws {
        let context = try TLSClientContext(.test())
        for (first, second, resumes) in [
            ("mx.example.com", "mx.example.com", true), ("mx.example.com", "mx.example.com.", true),
            ("mx.example.com", "a.example.net", false), ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::1", false), ("mx.example.com", "127.0.0.1", false),
        ] {
            #expect(try isResumed(version, from: (context, first), to: (context, second)) == resumes)
        }
    }

    @Test("are offered with the same demands alone", arguments: [TLSVersion.tls12, .tls13])
    func contexts(version: TLSVersion) throws {
        let strict = try TLSClientContext(.test())
        let lenient = try TLSClientContext(.test { $0.isEnforced = false })
        let name = "mx.example.com"
        #expect(try !isResumed(version, from: (lenient, name), to: (strict, name)))
        #expect(try !isResumed(version, from: (strict, name), to: (lenient, name)))
        #expect(try isResumed(version, from: (lenient, name), to: (lenient, name)))
    }

    @Test("are not kept of a server whose certificate is bad", arguments: [TLSVersion.tls12, .tls13])
    func refused(version: TLSVersion) throws {
        let pair = try TLSPair.established(
            server: .test {
                $0.identities = [.expired]
                $0.parameters.allow(only: version)
                $0.ticketKeys = TLSTicketKeys()
            },
            client: .test {
                $0.authorities = .file(.intermediate)
                $0.isEnforced = false
            })
        #expect(pair.client.engine.verification?.outcome == .expired)
        #expect(pair.client.engine.session == nil)
    }
}
