extension Settings {
    /// `[tls.NAME]`: certificates and what is negotiated with them.
    public struct TLS: Sendable, Equatable {
        public internal(set) var name = ""
        /// Names of PEM files, one a key type; each with its chain.
        public internal(set) var certificate: [String] = []
        /// Names of PEM files, in the order of `certificate`.
        public internal(set) var key: [String] = []
        /// The file whose first line opens the keys; empty where they are not encrypted.
        public internal(set) var keyPasswordFile = ""
        public internal(set) var minimumVersion = Version.tls12
        /// Nil is the newest.
        public internal(set) var maximumVersion: Version?
        /// For TLS 1.2 and before, in the syntax of OpenSSL; empty is its default. So with the next two.
        public internal(set) var ciphers = ""
        /// For TLS 1.3.
        public internal(set) var ciphersuites = ""
        public internal(set) var groups = ""
        /// Whether clients are asked for a certificate.
        public internal(set) var clientCertificates = ClientCertificates.off
        /// The file with the authorities that vouch for clients; empty is none.
        public internal(set) var clientCA = ""
        public internal(set) var sessionTickets = true
        /// More certificates, chosen by the name that the client asks for.
        public internal(set) var sni: [SNI] = []

        init() {}

        public enum ClientCertificates: String, Sendable, CaseIterable {
            case off
            /// A client without one, or with a bad one, is served and known as such.
            case request
            case require
        }

        public enum Version: String, Sendable, CaseIterable, Comparable {
            case tls10 = "TLS1.0"
            case tls11 = "TLS1.1"
            case tls12 = "TLS1.2"
            case tls13 = "TLS1.3"

            public static func < (one: Version, other: Version) -> Bool {
                one.rawValue.utf8.lexicographicallyPrecedes(other.rawValue.utf8)
            }
        }
    }
}

extension Settings.TLS: NamedSection {
    static let fields: [Field<Self>] = [
        .value(
            "certificate", \.certificate, .files, required: true,
            "PEM files with a certificate and its chain, one a key type"),
        .value("key", \.key, .files, required: true, "PEM files with the private keys, in the order of certificate"),
        .value(
            "key_password_file", \.keyPasswordFile, .path(optional: true),
            "The file whose first line opens encrypted keys"),
        .value("minimum_version", \.minimumVersion, .choice(), "The oldest version of TLS that is spoken"),
        .value(
            "maximum_version", \.maximumVersion, .optionalChoice(),
            "The newest version of TLS that is spoken; empty is no limit"),
        .value(
            "ciphers", \.ciphers, .text("a list of ciphers for OpenSSL"),
            "Ciphers of TLS 1.2 and before; empty is OpenSSL's default"),
        .value(
            "ciphersuites", \.ciphersuites, .text("a list of ciphersuites for OpenSSL"),
            "Ciphersuites of TLS 1.3; empty is OpenSSL's default"),
        .value(
            "groups", \.groups, .text("a list of groups for OpenSSL"),
            "Groups for key exchange; empty is OpenSSL's default"),
        .value(
            "client_certificates", \.clientCertificates, .choice(),
            "Whether clients are asked for a certificate, or cannot do without a good one"),
        .value(
            "client_ca", \.clientCA, .path(optional: true),
            "The PEM file with the authorities that vouch for clients"),
        .value("session_tickets", \.sessionTickets, .boolean, "Whether clients may resume sessions"),
        .array("sni", \.sni),
    ]
}

extension Settings.TLS {
    /// `[[tls.NAME.sni]]`: certificates for some server names.
    public struct SNI: Sendable, Equatable {
        /// Host names in lower case, or wildcards such as `*.example.net`.
        public internal(set) var names: [String] = []
        /// As those of the set.
        public internal(set) var certificate: [String] = []
        public internal(set) var key: [String] = []
        public internal(set) var keyPasswordFile = ""

        init() {}
    }
}

extension Settings.TLS.SNI: Section {
    static let fields: [Field<Self>] = [
        .value(
            "names", \.names, .list(of: .certificateName, named: "host names, as in [\"mail.example.org\"]"),
            required: true, "The names that clients ask for, or wildcards as in *.example.net"),
        .value(
            "certificate", \.certificate, .files, required: true,
            "PEM files with a certificate and its chain, one a key type"),
        .value("key", \.key, .files, required: true, "PEM files with the private keys, in the order of certificate"),
        .value(
            "key_password_file", \.keyPasswordFile, .path(optional: true),
            "The file whose first line opens encrypted keys"),
    ]
}

extension Kind where Value == [String] {
    /// Names of files; a single one may stand without brackets.
    static var files: Kind { .list(of: .path(), named: "names of files", orSingle: true) }

    static var optionalFiles: Kind {
        .list(of: .path(), named: "names of files", orSingle: true, mayBeEmpty: true)
    }
}
