import Glibc
import Settings
import TestCertificates
import Testing

@testable import Service

/// What is wrong with the files that a configuration names: found by `mailrace check`, at the start and by a reload.
struct FileCase: Sendable, CustomTestStringConvertible {
    let name: String
    var chain = TestCertificates.ecdsaChain
    var key = TestCertificates.ecdsaKey
    /// What stands in `password.pem`, `other.pem` and `other.key`.
    var password = ""
    var other = ""
    var otherKey = ""
    /// More keys of the TLS set.
    var set = ""
    /// More keys of the upstream.
    var upstream = ""
    /// The whole of what is said; `%` is the folder.
    let said: [String]

    var testDescription: String { name }

    /// Keys of the upstream begin in line 7, those of the set in line 12.
    func text(_ folder: String) -> String {
        """
        [listener.mx]
        listen = ["127.0.0.1:25"]
        upstream = "backend"
        tls = "default"
        [upstream.backend]
        servers = ["127.0.0.1:2500"]
        \(upstream)
        [tls.default]
        # 9
        certificate = "%/chain.pem"
        key = "%/key.pem"
        \(set)
        """.replacing("%", with: folder)
    }

    /// Writes the files and has them tried: what is refused, or what is doubtful.
    func outcome() throws -> [String] {
        let folder = try TemporaryFolder()
        let files = [
            ("chain.pem", chain), ("key.pem", key), ("password", password), ("other.pem", other),
            ("other.key", otherKey),
            ("m.toml", text(folder.path)),
        ]
        for (name, text) in files { try folder.write(name, text) }
        let loaded = try Settings.load(SettingsSources(file: "\(folder.path)/m.toml"))
        do {
            return try loaded.checkFiles().map { $0.description.replacing(folder.path, with: "%") }
        } catch {
            return error.list.map { $0.description.replacing(folder.path, with: "%") }
        }
    }
}

@Suite struct ConfigurationProblemTests {
    @Test(arguments: certificates + keys + sets + upstreams) func isNamedAtItsPlace(_ one: FileCase) throws {
        #expect(try one.outcome() == one.said)
    }

    private static let certificates = [
        FileCase(name: "good files", said: []),
        FileCase(
            name: "no certificate", chain: "hello\n",
            said: [
                "%/m.toml:10:15: tls.default.certificate: %/chain.pem: holds no certificate in PEM form"
            ]),
        FileCase(
            name: "a certificate that is refused", chain: TestCertificates.weakCertificate,
            key: TestCertificates.weakKey,
            said: [
                "%/m.toml:10:15: tls.default.certificate: %/chain.pem: the certificate is refused (ee key too small)"
            ]),
        FileCase(
            name: "a certificate out of its time", chain: TestCertificates.expiredCertificate,
            key: TestCertificates.expiredKey,
            said: [
                "%/m.toml:10:15: tls.default.certificate: %/chain.pem: the certificate expired on Jan  1 00:00:00 2021"
                    + " GMT"
            ]),
    ]

    private static let keys = [
        FileCase(
            name: "no key", key: TestCertificates.ecdsaChain,
            said: ["%/m.toml:11:7: tls.default.key: %/key.pem: holds no private key in PEM form"]),
        FileCase(
            name: "the key of another", key: TestCertificates.rsaKey,
            said: [
                "%/m.toml:11:7: tls.default.key: %/key.pem: is not the private key of the certificate in %/chain.pem"
            ]),
        FileCase(
            name: "an encrypted key", key: TestCertificates.encryptedKey,
            said: [
                "%/m.toml:11:7: tls.default.key: %/key.pem: the private key is encrypted, and no password is given"
            ]),
        FileCase(
            name: "a wrong password", key: TestCertificates.encryptedKey, password: "wrong\n",
            set: "key_password_file = \"%/password\"",
            said: [
                "%/m.toml:11:7: tls.default.key: %/key.pem: the private key cannot be decrypted with the password given"
            ]),
        FileCase(
            name: "the password", key: TestCertificates.encryptedKey, password: TestCertificates.password + "\n",
            set: "key_password_file = \"%/password\"", said: []),
    ]

    private static let sets = [
        FileCase(
            name: "ciphers", set: "ciphers = \"ECDHE-RSA-AES128-GCM-SHA256:AES999\"",
            said: ["%/m.toml:12:11: tls.default.ciphers: \"AES999\" is not known"]),
        FileCase(
            name: "ciphersuites and groups", set: "ciphersuites = \"TLS_NONE\"\ngroups = \"X25519\"",
            said: ["%/m.toml:12:16: tls.default.ciphersuites: \"TLS_NONE\" is not known"]),
        FileCase(
            name: "groups", set: "groups = \"X25519:P-999\"",
            said: ["%/m.toml:12:10: tls.default.groups: \"P-999\" is not known"]),
        FileCase(
            name: "authorities of clients", other: "nobody\n",
            set: "client_certificates = \"request\"\nclient_ca = \"%/other.pem\"",
            said: ["%/m.toml:13:13: tls.default.client_ca: %/other.pem: holds no certificate in PEM form"]),
        FileCase(
            name: "a file that is right for one key and wrong for another",
            set: "client_certificates = \"request\"\nclient_ca = \"%/key.pem\"",
            said: ["%/m.toml:13:13: tls.default.client_ca: %/key.pem: holds no certificate in PEM form"]),
        FileCase(
            name: "the key of the set for a certificate of a name", other: TestCertificates.namedCertificate,
            set:
                "[[tls.default.sni]]\nnames = [\"mail.example.org\"]\ncertificate = \"%/other.pem\"\nkey = \"%/key.pem\"",
            said: [
                "%/m.toml:15:7: tls.default.sni.key: %/key.pem: is not the private key of the certificate in %/other.pem"
            ]),
        FileCase(
            name: "a certificate of a name", other: TestCertificates.namedCertificate,
            otherKey: TestCertificates.ecdsaKey,
            set:
                "[[tls.default.sni]]\nnames = [\"mail.example.org\"]\ncertificate = \"%/other.pem\"\nkey = \"%/other.key\"",
            said: [
                "%/m.toml:15:7: tls.default.sni.key: %/other.key: is not the private key of the certificate in %/other.pem"
            ]),
        FileCase(
            name: "a set that no listener shows", other: "nothing\n",
            set: "[tls.spare]\ncertificate = \"%/other.pem\"\nkey = \"%/key.pem\"",
            said: ["%/m.toml:13:15: tls.spare.certificate: %/other.pem: holds no certificate in PEM form"]),
        FileCase(
            name: "two certificates of one type", other: TestCertificates.ecdsaChain,
            otherKey: TestCertificates.ecdsaKey,
            set:
                "[tls.spare]\ncertificate = [\n\"%/chain.pem\",\n\"%/other.pem\"]\nkey = [\"%/key.pem\", \"%/other.key\"]",
            said: [
                "%/m.toml:15:1: tls.spare.certificate: %/other.pem: another certificate of the same key type is configured"
                    + " already"
            ]),
    ]

    private static let upstreams = [
        FileCase(
            name: "a password for servers", password: "secret\n",
            upstream: "auth = \"own\"\nauth_user = \"joe\"\nauth_password_file = \"%/password\"", said: []),
        FileCase(
            name: "no password for servers", password: "\nsecret",
            upstream: "auth = \"own\"\nauth_user = \"joe\"\nauth_password_file = \"%/password\"",
            said: ["%/m.toml:9:22: upstream.backend.auth_password_file: %/password: its first line is no password"]),
        FileCase(
            name: "no token for servers", password: "to ken\n",
            upstream: "auth = \"own\"\nauth_user = \"joe\"\nauth_token_file = \"%/password\"",
            said: ["%/m.toml:9:19: upstream.backend.auth_token_file: %/password: its first line is no token"]),
        FileCase(
            name: "authorities of servers", other: TestCertificates.ecdsaKey, upstream: "tls_ca = \"%/other.pem\"",
            said: ["%/m.toml:7:10: upstream.backend.tls_ca: %/other.pem: holds no certificate in PEM form"]),
        FileCase(
            name: "a key that does not fit", other: TestCertificates.clientCertificate,
            otherKey: TestCertificates.rsaKey, upstream: "tls_certificate = \"%/other.pem\"\ntls_key = \"%/other.key\"",
            said: [
                "%/m.toml:8:11: upstream.backend.tls_key: %/other.key: is not the private key of the certificate in"
                    + " %/other.pem"
            ]),
        FileCase(
            name: "a certificate out of its time, shown to servers", other: TestCertificates.expiredClientCertificate,
            otherKey: TestCertificates.expiredClientKey,
            upstream: "tls_certificate = \"%/other.pem\"\ntls_key = \"%/other.key\"",
            said: [
                "%/m.toml:7:19: upstream.backend.tls_certificate: %/other.pem: the certificate expired on"
                    + " Jan  1 00:00:00 2021 GMT"
            ]),
        FileCase(
            name: "all at once", chain: "", other: "", upstream: "tls_ca = \"%/other.pem\"",
            said: [
                "%/m.toml:10:15: tls.default.certificate: %/chain.pem: holds no certificate in PEM form",
                "%/m.toml:7:10: upstream.backend.tls_ca: %/other.pem: holds no certificate in PEM form",
            ]),
    ]
}
