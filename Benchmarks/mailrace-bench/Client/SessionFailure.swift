import Ring
import Wire

/// Why a client's session did not do what it was to do.
struct SessionFailure: Error, Sendable {
    enum Kind: String, CaseIterable, Sendable {
        /// No connection.
        case connect
        /// A greeting other than 220, or none.
        case greeting
        /// A 4xx reply.
        case transient
        /// A 5xx reply.
        case permanent
        /// No reply in time, or the peer takes nothing.
        case timeout
        /// The peer ended or reset the connection.
        case closed
        /// The handshake failed, or what is protected cannot be trusted.
        case tls
        /// The server does not offer what was asked for.
        case unsupported
        /// What came is no reply, or none that belongs here.
        case syntax
    }

    let kind: Kind
    /// What was under way.
    let phase: Phase
    /// The code of the reply that came instead of the one hoped for.
    private(set) var code: Int?
    /// What was under way, and what came instead; for people.
    let detail: String

    init(_ kind: Kind, _ phase: Phase, _ detail: String) {
        self.kind = kind
        self.phase = phase
        self.detail = "\(phase.name): \(detail)"
    }

    init(_ error: StreamError, _ phase: Phase) {
        switch error {
        case .timedOut: self.init(phase == .connect ? .connect : .timeout, phase, "timed out")
        case .system(let errno): self.init(phase == .connect ? .connect : .closed, phase, systemErrorText(errno))
        case .insecure: self.init(.tls, phase, "TLS failed")
        case .ended: self.init(phase == .greeting ? .greeting : .closed, phase, "connection closed by the peer")
        case .reset: self.init(phase == .greeting ? .greeting : .closed, phase, "connection reset")
        case .interrupted: self.init(.closed, phase, "interrupted")
        }
    }

    /// A reply that is not the one hoped for.
    init(_ reply: Reply, _ phase: Phase) {
        let text = String(escaping: reply.bytes.prefix { $0 != 0x0d }, limitBytes: 120)
        switch reply.code / 100 {
        case _ where phase == .greeting: self.init(.greeting, phase, text)
        case 4: self.init(.transient, phase, text)
        case 5: self.init(.permanent, phase, text)
        default: self.init(.syntax, phase, text)
        }
        code = reply.code
    }

    /// It does not tell what became of the commands whose replies were still to come: no reply has come, or one that
    /// says no more than that the connection ends (421, RFC 5321 section 3.8). A message whose end was among them may
    /// arrive or not.
    var leavesReplyOpen: Bool { code.map { $0 == 421 || !(400..<600).contains($0) } ?? true }
}

/// What a session is about, in the order of a session.
enum Phase: Int, CaseIterable, Sendable {
    case connect, greeting, ehlo, starttls, handshake, auth, mail, rcpt, data
    /// A chunk of a message but for the last, whose reply is that of the message.
    case bdat
    case content, end, quit

    /// For people.
    var name: String {
        switch self {
        case .connect, .greeting, .content: "\(self)"
        case .handshake: "TLS handshake"
        case .end: "end of data"
        case .ehlo, .starttls, .auth, .mail, .rcpt, .data, .bdat, .quit: "\(self)".uppercased()
        }
    }
}
