import TLS
import TestCertificates
import Testing

/// An identity that cannot be used, and what is said about it.
struct BadIdentity: Sendable, CustomTestStringConvertible {
    let chain: String
    let key: String
    var password: String?
    let message: String

    var testDescription: String { message }

    var identity: TLSIdentity {
        TLSIdentity(
            certificateChain: TLSFile("chain.pem", chain), privateKey: TLSFile("key.pem", key),
            keyPassword: password.map { Array($0.utf8) })
    }

    private static let cut = TestCertificates.ecdsaCertificate.replacing("MII", with: "MIX")
    private static let cutKey = TestCertificates.ecdsaKey.replacing("MIG", with: "MIX")

    static let all: [BadIdentity] = [
        BadIdentity(chain: "", key: "", message: "chain.pem: holds no certificate in PEM form"),
        BadIdentity(
            chain: TestCertificates.ecdsaKey, key: TestCertificates.ecdsaKey,
            message: "chain.pem: holds no certificate in PEM form"),
        BadIdentity(
            chain: cut, key: TestCertificates.ecdsaKey,
            message: "chain.pem: holds a certificate that cannot be read ("),
        BadIdentity(
            chain: TestCertificates.ecdsaCertificate + "\n" + cut, key: TestCertificates.ecdsaKey,
            message: "chain.pem: holds a certificate that cannot be read ("),
        BadIdentity(
            chain: TestCertificates.ecdsaChain, key: TestCertificates.ecdsaChain,
            message: "key.pem: holds no private key in PEM form"),
        BadIdentity(
            chain: TestCertificates.ecdsaChain, key: cutKey,
            message: "key.pem: holds a private key that cannot be read ("),
        BadIdentity(
            chain: TestCertificates.ecdsaChain, key: TestCertificates.encryptedKey,
            message: "key.pem: the private key is encrypted, and no password is given"),
        BadIdentity(
            chain: TestCertificates.ecdsaChain, key: TestCertificates.encryptedKey, password: "wrong",
            message: "key.pem: the private key cannot be decrypted with the password given"),
        BadIdentity(
            chain: TestCertificates.ecdsaChain, key: TestCertificates.encryptedKey, password: "",
            message: "key.pem: the private key cannot be decrypted with the password given"),
        BadIdentity(
            chain: TestCertificates.ecdsaChain, key: TestCertificates.encryptedKey,
            password: String(repeating: "x", count: 5000),
            message: "key.pem: the private key cannot be decrypted with the password given"),
        BadIdentity(
            chain: TestCertificates.ecdsaChain, key: TestCertificates.rsaKey,
            message: "key.pem: is not the private key of the certificate in chain.pem"),
        BadIdentity(
            chain: TestCertificates.ecdsaChain, key: TestCertificates.expiredKey,
            message: "key.pem: is not the private key of the certificate in chain.pem"),
        BadIdentity(
            chain: TestCertificates.weakCertificate, key: TestCertificates.weakKey,
            message: "chain.pem: the certificate is refused (ee key too small)"),
    ]
}

@Suite("Configuration")
struct ConfigurationTests {
    private func message(_ configuration: TLSServerConfiguration) throws -> String {
        try #require(throws: TLSConfigurationError.self) { try TLSServerContext(configuration) }.description
    }

    @Test("identities that cannot be used", arguments: BadIdentity.all)
    func identities(bad: BadIdentity) throws {
        let said = try message(.test { $0.identities = [bad.identity] })
        #expect(said.hasPrefix(bad.message))
    }

    @Test("an encrypted key with its password, and a file that holds all")
    func goodIdentities() throws {
        let encrypted = TLSIdentity(
            certificateChain: TLSFile("chain.pem", TestCertificates.ecdsaChain),
            privateKey: TLSFile("key.pem", TestCertificates.encryptedKey),
            keyPassword: Array(TestCertificates.password.utf8))
        _ = try TLSPair.established(server: .test { $0.identities = [encrypted] })

        for text in [
            TestCertificates.ecdsaChain + "\n" + TestCertificates.ecdsaKey,
            "# comment\n" + TestCertificates.ecdsaKey + "\n" + TestCertificates.ecdsaChain,
        ] {
            let file = TLSFile("all.pem", text)
            let identity = TLSIdentity(certificateChain: file, privateKey: file, keyPassword: [1])
            _ = try TLSPair.established(server: .test { $0.identities = [identity] })
        }
    }

    @Test("a server without an identity, or with two of one type")
    func identityCount() throws {
        #expect(try message(.test { $0.identities = [] }) == "certificate: a server needs a certificate and its key")
        #expect(
            try message(.test { $0.identities = [.ecdsa, .rsa, .ecdsa] })
                == "ecdsa.pem: another certificate of the same key type is configured already")
    }

    @Test(
        "lists with a wrong element",
        arguments: [
            ("ECDHE+AESGCM:NONSENSE:HIGH", "NONSENSE"), ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
            ("!ALL", "!ALL"), ("HIGH\0", "HIGH\0"),
        ])
    func ciphers(list: String, named: String) throws {
        #expect(try message(.test { $0.parameters.ciphers = list }) == "ciphers: \"\(named)\" is not known")
    }

    @Test(
        "lists of ciphers that are good",
        arguments: ["HIGH:!RC4:!aNULL:@STRENGTH", "ECDHE+AESGCM ECDHE+CHACHA20", "DEFAULT@SECLEVEL=1"])
    func goodCiphers(list: String) throws {
        _ = try TLSServerContext(.test { $0.parameters.ciphers = list })
    }

    @Test("other lists with a wrong element")
    func lists() throws {
        #expect(
            try message(.test { $0.parameters.ciphersuites = "TLS_AES_128_GCM_SHA256:TLS_RC4" })
                == "ciphersuites: \"TLS_RC4\" is not known")
        #expect(try message(.test { $0.parameters.groups = "X25519:P-999" }) == "groups: \"P-999\" is not known")
        let error = try #require(throws: TLSConfigurationError.self) {
            try TLSClientContext(.test { $0.signatureAlgorithms = "rsa_pss_rsae_sha256:md2" })
        }
        #expect(error.description == "signature_algorithms: \"md2\" is not known")
    }

    @Test("versions")
    func versions() throws {
        #expect(try TLSVersion(configured: "TLS1.2") == .tls12)
        #expect(TLSVersion.allCases.map(\.rawValue) == ["TLS1.0", "TLS1.1", "TLS1.2", "TLS1.3"])
        for text in ["tls1.2", "TLSv1.2", "1.2", "SSL3", ""] {
            let error = try #require(throws: TLSConfigurationError.self) { try TLSVersion(configured: text) }
            #expect(error.description == "version: \"\(text)\" is not known")
        }
        let said = try message(
            .test {
                $0.parameters.minimumVersion = .tls13
                $0.parameters.maximumVersion = .tls12
            })
        #expect(said == "minimum_version: the minimum, TLS1.3, is above the maximum, TLS1.2")
    }

    @Test("authorities that cannot be used")
    func authorities() throws {
        for (text, expected) in [
            ("", "ca.pem: holds no certificate in PEM form"),
            (TestCertificates.ecdsaKey, "ca.pem: holds no certificate in PEM form"),
            (TestCertificates.root.replacing("MII", with: "MIX"), "ca.pem: holds a certificate that cannot be read ("),
        ] {
            let error = try #require(throws: TLSConfigurationError.self) {
                try TLSClientContext(TLSClientConfiguration(authorities: .file(TLSFile("ca.pem", text))))
            }
            #expect(error.description.hasPrefix(expected))
        }
    }

    @Test("server names that cannot be one")
    func serverNames() throws {
        let verifying = try TLSClientContext(.test())
        for name in ["", ".", "a\0b", String(repeating: "a", count: 300)] {
            #expect(throws: TLSConfigurationError.self) { try TLSEngine(client: verifying, serverName: name) }
        }
        let error = try #require(throws: TLSConfigurationError.self) { try TLSEngine(client: verifying) }
        #expect(error.problem == .noServerName)
    }

    @Test("secrets are not printed")
    func secrets() {
        let printed = "\(TLSServerConfiguration.test())" + String(reflecting: TLSServerConfiguration.test())
        #expect(printed.contains("ecdsa.pem"))
        #expect(!printed.contains("45, 45, 45"))
    }
}

@Suite struct DoubtfulCertificateTests {
    @Test(arguments: [
        (
            TestCertificates.expiredCertificate, TestCertificates.expiredKey,
            "chain.pem: the certificate expired on Jan  1 00:00:00 2021 GMT"
        ),
        (
            TestCertificates.futureCertificate, TestCertificates.futureKey,
            "chain.pem: the certificate is not valid before Jan  1 00:00:00 2119 GMT"
        ),
    ])
    func aCertificateOutOfItsTimeIsUsedWithADoubt(chain: String, key: String, doubt: String) throws {
        let identity = TLSIdentity(
            certificateChain: TLSFile(name: "chain.pem", bytes: Array(chain.utf8)),
            privateKey: TLSFile(name: "key.pem", bytes: Array(key.utf8)))
        let context = try TLSServerContext(TLSServerConfiguration(listener: "mx", identities: [identity]))
        #expect(context.doubts.map(\.description) == [doubt])
    }
}
