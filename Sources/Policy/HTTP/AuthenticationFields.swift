import Lookup
import Ring
import TLS
package import Wire

/// What nginx's `auth_http` protocol says of an attempt, field by field and in its order.
struct AuthenticationFields {
    private(set) var fields: [HTTPRequest.Field] = []

    init(_ attempt: AuthenticationAttempt, _ settings: HTTPAuthentication) {
        addCredentials(attempt.credentials)
        add("Auth-Protocol", "smtp")
        add("Auth-Login-Attempt", "\(attempt.facts.authenticationAttempts)")
        addClient(attempt.facts)
        if attempt.credentials == nil { addEnvelope(attempt.facts) }
        if let tls = attempt.facts.tls { addTLS(tls, passesCertificate: settings.passesClientCertificate) }
    }

    private mutating func add(_ name: String, _ text: String) { fields.append(HTTPRequest.Field(name, text)) }

    private mutating func addCredentials(_ credentials: Credentials?) {
        let user = credentials?.actingUser ?? []
        add("Auth-Method", credentials?.mechanism.methodName ?? "none")
        fields.append(HTTPRequest.Field("Auth-User", Self.escaped(Secret(user.span))))
        if let pass = credentials?.passField {
            fields.append(HTTPRequest.Field("Auth-Pass", pass))
        } else {
            add("Auth-Pass", "")
        }
        if case .digest(_, let challenge) = credentials?.proof {
            fields.append(HTTPRequest.Field("Auth-Salt", Self.escaped(Secret(challenge.span))))
        }
    }

    private mutating func addClient(_ facts: SessionFacts) {
        add("Client-IP", facts.client.host)
        add("Client-Host", facts.clientName.text)
        guard let proxied = facts.proxied else { return }
        add("Proxy-Protocol-Addr", proxied.source.host)
        add("Proxy-Protocol-Port", "\(proxied.source.port)")
        add("Proxy-Protocol-Server-Addr", proxied.destination.host)
        add("Proxy-Protocol-Server-Port", "\(proxied.destination.port)")
    }

    private mutating func addEnvelope(_ facts: SessionFacts) {
        fields.append(HTTPRequest.Field("Auth-SMTP-Helo", Self.harmless(facts.greeting?.name ?? [])))
        fields.append(HTTPRequest.Field("Auth-SMTP-From", Self.harmless(facts.reversePath?.command ?? [])))
        fields.append(HTTPRequest.Field("Auth-SMTP-To", Self.harmless(facts.candidate?.command ?? [])))
    }

    private mutating func addTLS(_ tls: ClientTLS, passesCertificate: Bool) {
        add("Auth-SSL", "on")
        add("Auth-SSL-Protocol", tls.protocolVersion)
        add("Auth-SSL-Cipher", tls.cipher)
        guard let verification = tls.verification else { return }
        add("Auth-SSL-Verify", verification.fieldText)
        guard let certificate = tls.certificate, let names = TLSCertificateNames(certificate) else { return }
        add("Auth-SSL-Subject", names.subject)
        add("Auth-SSL-Issuer", names.issuer)
        add("Auth-SSL-Serial", names.serial)
        add("Auth-SSL-Fingerprint", names.fingerprint)
        guard passesCertificate else { return }
        fields.append(HTTPRequest.Field("Auth-SSL-Cert", Self.component(Self.pem(certificate.der))))
    }

    // MARK: Escaping

    private static let digits = Array("0123456789ABCDEF".utf8)

    /// A value in which everything up to the space and `%` is written `%XX`, and nothing else.
    static func escaped(_ value: Secret) -> Secret {
        Secret(capacityBytes: value.count * 3) { text in
            value.withBytes { bytes in
                for index in bytes.indices { escape(bytes[index], into: &text) { $0 <= 0x20 || $0 == 0x25 } }
            }
        }
    }

    /// A client's line as it came, but for what no field can hold: controls are written `%XX`, a `%` is not.
    private static func harmless(_ line: [UInt8]) -> Secret {
        Secret(capacityBytes: line.count * 3) { text in
            for byte in line { escape(byte, into: &text) { $0 < 0x20 || $0 == 0x7F } }
        }
    }

    /// A value in which everything but RFC 3986's unreserved characters is written `%XX`.
    private static func component(_ value: [UInt8]) -> Secret {
        Secret(capacityBytes: value.count * 3) { text in
            for byte in value { escape(byte, into: &text) { !isUnreserved($0) } }
        }
    }

    private static func escape(_ byte: UInt8, into text: inout OutputSpan<UInt8>, where isEscaped: (UInt8) -> Bool) {
        guard isEscaped(byte) else { return text.append(byte) }
        text.append(UInt8(ascii: "%"))
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 0xF)])
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// RFC 7468 section 5.
    private static func pem(_ der: [UInt8]) -> [UInt8] {
        let text = Base64.encoded(der.span)
        var pem = Array("-----BEGIN CERTIFICATE-----\n".utf8)
        for start in stride(from: 0, to: text.count, by: 64) {
            pem += text[start..<min(start + 64, text.count)] + [0x0A]
        }
        return pem + "-----END CERTIFICATE-----\n".utf8
    }
}

extension SASLMechanism {
    /// nginx makes no difference between PLAIN and LOGIN.
    fileprivate var methodName: String {
        switch self {
        case .plain, .login: "plain"
        case .cramMD5: "cram-md5"
        case .external: "external"
        case .xoauth2: "xoauth2"
        case .oauthbearer: "oauthbearer"
        }
    }
}

extension Credentials {
    /// Who authenticates, or, where the mechanism leaves that out, whom they want to be.
    package var actingUser: [UInt8] { user.isEmpty ? authorisationIdentity : user }

    /// The password, the digest or the token, escaped.
    fileprivate var passField: Secret? {
        switch proof {
        case .password(let secret), .token(let secret): AuthenticationFields.escaped(secret)
        case .digest(let digest, challenge: _): digest
        case .certificate: nil
        }
    }
}

extension TLSVerification {
    /// As nginx's variable `$ssl_client_verify` has it.
    fileprivate var fieldText: String {
        switch outcome {
        case .verified: "SUCCESS"
        case .noCertificate: "NONE"
        default: "FAILED:\(text)"
        }
    }
}
