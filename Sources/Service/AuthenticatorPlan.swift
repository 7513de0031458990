import Lookup
import Policy
import Settings

/// An authenticator of the configuration, in the terms of those who decide.
struct AuthenticatorPlan: Sendable {
    /// What it was made from: two of the same are the same.
    let settings: Settings.Authenticator
    let http: HTTPAuthentication
    let client: HTTPConfiguration
}

extension AuthenticatorPlan {
    /// Nil for one of a type that is not carried out yet.
    init?(_ settings: Settings.Authenticator) {
        guard settings.type == .http else { return nil }
        let servers = settings.urls.map { url in
            guard let server = HTTPServer(url.text) else { preconditionFailure("a URL that the settings took is none") }
            return server
        }
        var http = HTTPAuthentication(name: settings.name, servers: servers)
        http.timeout = settings.timeout
        http.fields = settings.headers.map { ($0.name, $0.value) }
        http.passesClientCertificate = settings.passesClientCertificate
        http.needsServer = settings.needsServer
        var client = HTTPConfiguration()
        client.connectTimeout = settings.connectTimeout
        client.authoritiesFile = settings.tlsCA.isEmpty ? nil : settings.tlsCA
        client.verifies = settings.verifiesTLS
        self.init(settings: settings, http: http, client: client)
    }
}
