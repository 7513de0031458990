/// The client's side of one AUTH exchange, with an upstream (RFC 4954 section 4): PLAIN, LOGIN and XOAUTH2.
///
/// The lines that it gives hold secrets and are wiped when they are let go of; so is whoever copies them to.
public struct SASLClient {
    /// The longest command line that carries an initial response, in bytes, its CRLF included: RFC 5321 section
    /// 4.5.3.1.4 promises no more, and an upstream may not have heard of RFC 4954's longer lines.
    public static let commandLimitBytes = 512

    /// What the upstream's reply leads to.
    public enum Step {
        /// To be sent as it is; it has its CRLF. The reply is for `next`.
        case send(Secret)
        /// 235: the upstream has taken the credentials.
        case succeeded
        /// Another reply: it has not, or cannot say. The reply may be 334 nowhere.
        case refused(Reply)
    }

    private enum State {
        /// AUTH has been sent without an initial response.
        case commandSent
        /// LOGIN: the user's name has been sent.
        case userSent
        /// All has been sent.
        case messageSent
        /// What ends the exchange has been sent, since there was nothing more to say.
        case ending
    }

    public let mechanism: SASLMechanism
    private let credentials: Credentials
    private var state = State.commandSent

    /// Which of the mechanisms that an upstream offers carries the credentials: PLAIN before LOGIN for a password,
    /// XOAUTH2 or OAUTHBEARER for a token, the one before that it came by. Nil where none does: a digest is good for
    /// one server's challenge alone, and a certificate is not Mailrace's to show.
    public static func mechanism(for credentials: Credentials, offered: Set<SASLMechanism>) -> SASLMechanism? {
        let usable: [SASLMechanism]
        switch credentials.proof {
        // LOGIN has no place for an identity to act as.
        case .password: usable = credentials.authorisationIdentity.isEmpty ? [.plain, .login] : [.plain]
        // XOAUTH2 has no token without a user.
        case .token where credentials.user.isEmpty: usable = [.oauthbearer]
        case .token:
            usable = credentials.mechanism == .oauthbearer ? [.oauthbearer, .xoauth2] : [.xoauth2, .oauthbearer]
        case .digest, .certificate: usable = []
        }
        return usable.first(where: offered.contains)
    }

    /// An exchange by a mechanism that `mechanism(for:offered:)` has chosen for these credentials.
    public init(_ mechanism: SASLMechanism, _ credentials: Credentials) {
        precondition(Self.mechanism(for: credentials, offered: [mechanism]) == mechanism)
        self.mechanism = mechanism
        self.credentials = credentials
    }

    /// The AUTH command, which begins the exchange: with the initial response where the line has room for it. LOGIN
    /// has none, because there are servers that do not expect one.
    public mutating func begin() -> Secret {
        let command = Array("AUTH \(mechanism)".utf8)
        if mechanism != .login {
            let message = message()
            let length = command.count + 1 + Base64.encodedCount(message.count) + 2
            if length <= Self.commandLimitBytes {
                state = .messageSent
                return Self.line(command + [.space], message)
            }
        }
        return Secret(copying: command + [.carriageReturn, .lineFeed])
    }

    /// Reads the upstream's reply to the line before.
    public mutating func next(_ reply: Reply) -> Step {
        guard reply.code == 334 else { return reply.code == 235 ? .succeeded : .refused(reply) }
        switch state {
        case .commandSent where mechanism == .login:
            state = .userSent
            return .send(Self.line([], Secret(copying: credentials.user)))
        case .commandSent, .userSent:
            state = .messageSent
            return .send(Self.line([], message()))
        case .messageSent:
            state = .ending
            // To a challenge that tells what is wrong with a token; the refusal follows it.
            let answer =
                switch mechanism {
                case .xoauth2: "\r\n"
                case .oauthbearer: "AQ==\r\n"
                case .plain, .login, .cramMD5, .external: "*\r\n"
                }
            return .send(Secret(copying: Array(answer.utf8)))
        case .ending:
            return .refused(reply)
        }
    }

    /// The message that carries the secret, not yet in base 64.
    private func message() -> Secret {
        switch (mechanism, credentials.proof) {
        case (.plain, .password(let password)):
            Self.joined([credentials.authorisationIdentity, [.nul], credentials.user, [.nul]], password, [])
        case (_, .password(let password)): password
        case (.oauthbearer, .token(let token)):
            Self.joined([Self.bearerHeader(credentials.user), Array("\u{1}auth=Bearer ".utf8)], token, [0x01, 0x01])
        case (_, .token(let token)):
            Self.joined([Array("user=".utf8), credentials.user, Array("\u{1}auth=Bearer ".utf8)], token, [0x01, 0x01])
        case (_, .digest), (_, .certificate): preconditionFailure("no mechanism carries them")
        }
    }

    /// `n,a=USER,`, in which a comma is `=2C` and an equals sign `=3D` (RFC 5801 section 4).
    private static func bearerHeader(_ user: [UInt8]) -> [UInt8] {
        guard !user.isEmpty else { return Array("n,,".utf8) }
        let name = user.flatMap { byte in
            switch byte {
            case UInt8(ascii: ","): Array("=2C".utf8)
            case UInt8(ascii: "="): Array("=3D".utf8)
            default: [byte]
            }
        }
        return Array("n,a=".utf8) + name + [UInt8(ascii: ",")]
    }

    private static func joined(_ before: [[UInt8]], _ secret: Secret, _ after: [UInt8]) -> Secret {
        let open = before.reduce(after.count) { $0 + $1.count }
        return Secret(capacityBytes: open + secret.count) { message in
            for part in before { for byte in part { message.append(byte) } }
            secret.withBytes { bytes in for index in bytes.indices { message.append(bytes[index]) } }
            for byte in after { message.append(byte) }
        }
    }

    /// `start`, the message in base 64, CRLF.
    private static func line(_ start: [UInt8], _ message: Secret) -> Secret {
        Secret(capacityBytes: start.count + Base64.encodedCount(message.count) + 2) { line in
            for byte in start { line.append(byte) }
            message.withBytes { Base64.encode($0, into: &line) }
            line.append(.carriageReturn)
            line.append(.lineFeed)
        }
    }
}

extension Reply {
    /// The mechanisms that a reply to EHLO offers and Mailrace knows, also where they stand behind `AUTH=`, as servers
    /// write it for the sake of old clients.
    public var offeredMechanisms: Set<SASLMechanism> {
        guard code == 250 else { return [] }
        var found: Set<SASLMechanism> = []
        for text in texts.dropFirst() where text.matches(Array("AUTH".utf8), at: 0) && text.count > 4 {
            guard text[4] == .space || text[4] == UInt8(ascii: "=") else { continue }
            for word in text[5...].split(separator: .space) {
                if let mechanism = SASLMechanism(Array(word).span) { found.insert(mechanism) }
            }
        }
        return found
    }
}
