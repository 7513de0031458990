extension Settings {
    /// `[authenticator.NAME]`: who decides whether clients are who they say.
    public struct Authenticator: Sendable, Equatable {
        public internal(set) var name = ""
        public internal(set) var type = AuthenticatorType.http
        /// How long a decision may take.
        public internal(set) var timeout: Duration = .seconds(60)
        /// `http`: where to ask, in this order.
        public internal(set) var urls: [ServerURL] = []
        /// `http`: how long one server may take to accept a connection.
        public internal(set) var connectTimeout: Duration = .seconds(5)
        /// `http`: sent with each request, in this order.
        public internal(set) var headers: [Header] = []
        /// `http`: whether the client's certificate is sent along.
        public internal(set) var passesClientCertificate = false
        /// `http`: whether a yes must name a server to go to.
        public internal(set) var needsServer = true
        /// `http`: the file with the authorities that vouch for servers; empty is the system's.
        public internal(set) var tlsCA = ""
        /// `http`: whether the certificates of servers are verified.
        public internal(set) var verifiesTLS = true
        /// `file`: the name of the file with a user a line.
        public internal(set) var file = ""
        /// `dovecot`: where its authentication service is.
        public internal(set) var socket: ListenAddress?
        /// `pam`: the name of the service, of which `/etc/pam.d` has a file.
        public internal(set) var service = "mailrace"

        init() {}

        /// A field of a request.
        public struct Header: Sendable, Equatable {
            public let name: String
            public let value: String
        }
    }

    public enum AuthenticatorType: String, Sendable, CaseIterable {
        /// The protocol of nginx's auth_http.
        case http
        /// Users and hashes of their passwords in a file.
        case file
        /// Dovecot's authentication service.
        case dovecot
        /// The modules of PAM.
        case pam
        /// The upstream, to which AUTH is relayed.
        case upstream
        /// Code of the program that Mailrace is embedded in.
        case program
    }
}

extension Settings.Authenticator: NamedSection {
    static let fields: [Field<Self>] = [
        .value(
            "type", \.type, .choice(later: ["rest", "sql"]), required: true,
            "How it decides: http asks as nginx's auth_http does, file looks into a file, dovecot asks Dovecot, pam"
                + " asks PAM, upstream relays AUTH to the upstream; program is for programs that embed Mailrace"),
        .value(
            "timeout", \.timeout, .duration(.milliseconds(1) ... .seconds(600)), "How long a decision may take"),
        .value(
            "url", \.urls, .list(of: .serverURL, named: "URLs", orSingle: true, mayBeEmpty: true),
            fallback: "none; required with http",
            "http: where to ask; the next one where there is no answer"),
        .value(
            "connect_timeout", \.connectTimeout, .duration(.milliseconds(1) ... .seconds(600)),
            "http: how long one server may take to accept a connection"),
        .value("headers", \.headers, .headers, "http: fields that are sent with each request"),
        .value(
            "pass_client_certificate", \.passesClientCertificate, .boolean,
            "http: whether the client's certificate is sent along"),
        .value(
            "needs_server", \.needsServer, .boolean,
            "http: whether a yes must name a server to go to; else the listener's upstream takes what names none"),
        .value(
            "tls_ca", \.tlsCA, .path(optional: true),
            "http: the PEM file with the authorities that vouch for the servers; empty is the system's"),
        .value("tls_verify", \.verifiesTLS, .boolean, "http: whether the certificates of the servers are verified"),
        .value(
            "file", \.file, .path(optional: true), fallback: "none; required with file",
            "file: the name of the file, as mailrace password writes its lines"),
        .value(
            "socket", \.socket, .optionalService, fallback: "none; required with dovecot",
            "dovecot: where its authentication service is: the path of a Unix socket, or an IP address and a port"),
        .value("service", \.service, .name, "pam: the name of the service, of which /etc/pam.d has a file"),
    ]

    /// Which keys are of which type; the others are of all.
    static let keysOfTypes: [Settings.AuthenticatorType: [String]] = [
        .http: [
            "url", "connect_timeout", "headers", "pass_client_certificate", "needs_server", "tls_ca", "tls_verify",
        ],
        .file: ["file"],
        .dovecot: ["socket"],
        .pam: ["service"],
        .program: [],
    ]

    /// Whether the keys of a type are as they are where they are not given.
    func isSilent(about type: Settings.AuthenticatorType, _ key: String) -> Bool {
        let standard = Self()
        return switch key {
        case "url": urls.isEmpty
        case "connect_timeout": connectTimeout == standard.connectTimeout
        case "headers": headers.isEmpty
        case "pass_client_certificate": !passesClientCertificate
        case "needs_server": needsServer
        case "tls_ca": tlsCA.isEmpty
        case "tls_verify": verifiesTLS
        case "file": file.isEmpty
        case "socket": socket == nil
        case "service": service == standard.service
        default: true
        }
    }
}

extension Kind where Value == [Settings.Authenticator.Header] {
    /// What stands for a value where it is printed.
    private static var hiddenValue: String { "(hidden)" }

    /// A table of names and values (RFC 9110 section 5).
    static var headers: Kind {
        let expected = "a table of names and strings, as in { X-Auth-Key = \"...\" }"
        return Kind(expected: expected) { node, problems in
            guard case .table(let members) = node.content else {
                problems.reportType(node, expected: expected)
                return nil
            }
            return members.compactMap { member in
                guard case .string(let value) = member.content else {
                    problems.reportType(member, expected: "a string")
                    return nil
                }
                guard HeaderName.isValid(member.name) else {
                    problems.report(keyOf: member, "\(Quoting.shown(member.name)) is not the name of a field of HTTP")
                    return nil
                }
                guard !HeaderName.isOfConnection(member.name) else {
                    problems.report(keyOf: member, "the field \(member.name) is for Mailrace itself to send")
                    return nil
                }
                guard !Control.found(in: value) else {
                    problems.report(member, "a control character is not allowed here")
                    return nil
                }
                return Settings.Authenticator.Header(name: member.name, value: value)
            }
        } print: { headers in
            // A value is commonly the key by which the server knows who asks: what is printed is shown to others.
            let members = headers.map {
                "\(Quoting.isBare($0.name) ? $0.name : Quoting.toml($0.name)) = \(Quoting.toml(hiddenValue))"
            }
            return members.isEmpty ? "{}" : "{ \(members.joined(separator: ", ")) }"
        }
    }
}

private enum HeaderName {
    private static let symbols = Set("!#$%&'*+-.^_`|~".utf8)

    /// Where a request goes, ends, or is gone on with (RFC 9112): what is sent of that must be true.
    private static let ofConnection: Set = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "expect", "te", "trailer", "upgrade",
    ]

    static func isOfConnection(_ name: String) -> Bool { ofConnection.contains(name.lowercased()) }

    /// RFC 9110 section 5.6.2.
    static func isValid(_ name: String) -> Bool {
        (1...256).contains(name.utf8.count) && name.utf8.allSatisfy { Ascii.isAlphanumeric($0) || symbols.contains($0) }
    }
}
