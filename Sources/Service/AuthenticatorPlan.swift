import Lookup
import Policy
import Ring
import Settings

/// An authenticator of the configuration, in the terms of those who decide.
struct AuthenticatorPlan: Sendable {
    /// What it was made from: two of the same are the same.
    let settings: Settings.Authenticator
    let kind: Kind

    enum Kind: Sendable {
        case http(HTTPAuthentication, HTTPConfiguration)
        /// The path of a file of passwords.
        case file(String)
        /// The place of Dovecot's auth service, and how long a decision may take.
        case dovecot(SocketAddress, timeout: Duration)
        /// The name of a service of PAM, and how long a decision may take.
        case pam(String, timeout: Duration)
        case upstream
        /// What the program makes that Mailrace is embedded in.
        case program(ProgramPolicies.Making<any Authenticator>)
    }

    /// Nil where the program brings none of the name.
    init?(_ settings: Settings.Authenticator, _ policies: ProgramPolicies) {
        self.settings = settings
        switch settings.type {
        case .http: kind = .http(HTTPAuthentication(settings), HTTPConfiguration(settings))
        case .file: kind = .file(settings.file)
        case .dovecot:
            guard let socket = settings.socket else { preconditionFailure("the settings took one without a socket") }
            kind = .dovecot(SocketAddress(socket), timeout: settings.timeout)
        case .pam: kind = .pam(settings.service, timeout: settings.timeout)
        case .upstream: kind = .upstream
        case .program:
            guard let make = policies.authenticators[settings.name] else { return nil }
            kind = .program(make)
        }
    }
}

extension HTTPAuthentication {
    fileprivate init(_ settings: Settings.Authenticator) {
        let servers = settings.urls.map { url in
            guard let server = HTTPServer(url.text) else { preconditionFailure("a URL that the settings took is none") }
            return server
        }
        self.init(name: settings.name, servers: servers)
        timeout = settings.timeout
        fields = settings.headers.map { ($0.name, $0.value) }
        passesClientCertificate = settings.passesClientCertificate
        needsServer = settings.needsServer
    }
}

extension HTTPConfiguration {
    fileprivate init(_ settings: Settings.Authenticator) {
        self.init()
        connectTimeout = settings.connectTimeout
        authoritiesFile = settings.tlsCA.isEmpty ? nil : settings.tlsCA
        verifies = settings.verifiesTLS
    }
}
