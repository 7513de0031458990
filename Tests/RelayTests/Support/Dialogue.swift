import Ring
import TLS
import TestSupport

/// Whether the client of a test takes STARTTLS, and with which version.
enum Security: CaseIterable, Sendable, CustomStringConvertible {
    case plaintext, tls12, tls13

    var version: TLSVersion? {
        switch self {
        case .plaintext: nil
        case .tls12: .tls12
        case .tls13: .tls13
        }
    }

    var description: String {
        switch self {
        case .plaintext: "plaintext"
        case .tls12: "TLS 1.2"
        case .tls13: "TLS 1.3"
        }
    }
}

/// Where a session stands: each point is named after what has happened last.
enum Point: Int, CaseIterable, Comparable, Sendable {
    case connected, greeted, ehloSent, ehloAnswered
    /// With TLS only, as the next three.
    case readyForTLS, secured, ehloSentAgain, ehloAnsweredAgain
    case mailAnswered, rcptAnswered, dataAnswered, bodyBegun, terminatorBegun, terminatorSent

    static func < (left: Point, right: Point) -> Bool { left.rawValue < right.rawValue }

    var isOfTLS: Bool { Point.readyForTLS <= self && self <= .ehloAnsweredAgain }
    /// In plaintext the first command behind the EHLO reply hands the session off.
    func isHandedOff(_ security: Security) -> Bool {
        self >= (security == .plaintext ? .mailAnswered : .ehloAnsweredAgain)
    }
    /// The phase in which the log has the session.
    func phase(_ security: Security) -> String {
        switch self {
        case _ where isHandedOff(security): "passthrough"
        case .connected: "greeting"
        case .greeted: "ehlo"
        case .ehloSent: "ehlo_reply"
        case .ehloAnswered: "starttls"
        case .readyForTLS: "handshake"
        case .secured: "ehlo_tls"
        default: "ehlo_tls_reply"
        }
    }
}

/// A client and the upstream of its session, and what they say as the session goes.
struct Dialogue {
    let relay: TestRelay
    let security: Security
    let client: Peer
    let upstream: Peer

    static let greeting = "220 mx.example ESMTP\r\n"
    static let ehlo = "EHLO client.example\r\n"
    static let ehloReply = "250-mx.example\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
    static let ehloReplyWithoutTLS = "250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
    static let ready = "220 2.0.0 Ready to start TLS\r\n"
    static let halfBody = "Subject: test\r\n\r\nHalf a mess"

    /// Brings a new session as far as `point`.
    init(_ relay: TestRelay, upTo point: Point, _ security: Security = .plaintext) throws {
        self.relay = relay
        self.security = security
        client = try relay.client()
        upstream = try relay.upstream()
        for next in Point.allCases where next <= point && next != .connected {
            if security == .plaintext && next.isOfTLS { continue }
            try step(to: next)
        }
    }

    func step(to point: Point) throws {
        switch point {
        case .connected: break
        case .greeted: try answer(Self.greeting)
        case .ehloSent, .ehloSentAgain: try say(Self.ehlo)
        case .ehloAnswered: try answer(Self.ehloReply)
        case .readyForTLS:
            try client.send("STARTTLS\r\n")
            try client.expect(Self.ready)
        case .secured: try secure()
        case .ehloAnsweredAgain: try answer(Self.ehloReply, relayedAs: Self.ehloReplyWithoutTLS)
        case .mailAnswered: try exchange("MAIL FROM:<sender@example.org>\r\n", "250 2.1.0 Ok\r\n")
        case .rcptAnswered: try exchange("RCPT TO:<recipient@example.com>\r\n", "250 2.1.5 Ok\r\n")
        case .dataAnswered: try exchange("DATA\r\n", "354 Go ahead\r\n")
        case .bodyBegun: try say(Self.halfBody)
        case .terminatorBegun: try say("age.\r\n.")
        case .terminatorSent: try say("\r\n")
        }
    }

    func secure() throws {
        guard let version = security.version else { return }
        try client.secure(.only(version))
    }

    /// The client says something, which the upstream hears as it is.
    func say(_ text: String) throws {
        try client.send(text)
        try upstream.expect(text)
    }

    /// The upstream says something, which the client hears as it is, or as `relayed`.
    func answer(_ text: String, relayedAs relayed: String? = nil) throws {
        try upstream.send(text)
        try client.expect(relayed ?? text)
    }

    func exchange(_ command: String, _ reply: String) throws {
        try say(command)
        try answer(reply)
    }

    /// From wherever the session is handed off to its end: a message, and QUIT.
    func deliver(_ message: [UInt8]) throws {
        try exchange("MAIL FROM:<sender@example.org>\r\n", "250 2.1.0 Ok\r\n")
        try exchange("RCPT TO:<recipient@example.com>\r\n", "250 2.1.5 Ok\r\n")
        try exchange("DATA\r\n", "354 Go ahead\r\n")
        let sending = client.sendInBackground(message)
        try upstream.expect(message)
        sending.join()
        try answer("250 2.0.0 Ok: queued\r\n")
    }

    /// QUIT, which the upstream answers, and both leave.
    func quit() throws {
        try exchange("QUIT\r\n", "221 2.0.0 Bye\r\n")
        try upstream.finish()
        try client.expectEnd()
        try client.finish()
        try upstream.expectEnd()
    }
}
