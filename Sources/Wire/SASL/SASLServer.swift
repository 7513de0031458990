/// The server's side of one AUTH exchange (RFC 4954 section 4): takes the client's lines, gives what to send and, at
/// its end, the credentials. Whether they are right is for others to say; where they are not, `refuse` finishes the
/// exchange as the mechanism has it.
///
/// The lines hold secrets: whoever reads them wipes them (`[UInt8].wipe`) once they have been handed over.
public struct SASLServer {
    /// The longest line of an exchange, in bytes, its CRLF included (RFC 4954 section 4). AUTH itself is one.
    public static let lineLimitBytes = 12_288

    /// What the client's line leads to.
    public enum Step {
        /// To be sent as `334`, a space and these bytes, which are base 64 and may be none. The client's next line is
        /// for `next`, whatever it looks like.
        case challenge([UInt8])
        /// All has been said.
        case credentials(Credentials)
        /// The exchange is over; `SASLError.reply` is what the client is told.
        case failed(SASLError)
    }

    private enum State {
        /// Nothing has been read.
        case begun
        /// LOGIN: the user name is asked for.
        case user
        /// LOGIN: the password is asked for.
        case password(user: [UInt8])
        /// The only message of all other mechanisms is asked for.
        case message
        /// The credentials have been given.
        case complete
        /// The client has been told why its token is not taken, and is to acknowledge it.
        case refusing
        /// Nothing more is read.
        case over
    }

    public let mechanism: SASLMechanism
    /// What CRAM-MD5 asks the client to sign; not base 64.
    private let challenge: [UInt8]
    private var state = State.begun

    /// An exchange that stands behind the name of its mechanism.
    ///
    /// - Parameter challenge: For CRAM-MD5, where it is never used twice (`SASLServer.challenge`); others have none.
    public init(_ mechanism: SASLMechanism, challenge: [UInt8] = []) {
        precondition(mechanism != .cramMD5 || !challenge.isEmpty)
        self.mechanism = mechanism
        self.challenge = challenge
    }

    /// A challenge for CRAM-MD5, in the form of a message identifier (RFC 2195 section 2): `<random.time@host>`.
    ///
    /// - Parameters:
    ///   - random: Unpredictable.
    ///   - seconds: The time, since 1970.
    ///   - host: This host's name.
    public static func challenge(random: UInt64, seconds: UInt64, host: String) -> [UInt8] {
        Array("<\(random).\(seconds)@\(host)>".utf8)
    }

    /// Begins the exchange.
    ///
    /// - Parameter initialResponse: What stands behind the mechanism in the AUTH command, without its CRLF: base 64,
    ///   or `=` for one that is empty. Nil where nothing stands there.
    public mutating func begin(initialResponse: Span<UInt8>?) -> Step {
        guard case .begun = state else { return end(.malformed) }
        guard let initialResponse else { return firstChallenge() }
        guard initialResponse.count <= Self.lineLimitBytes else { return end(.tooLong) }
        guard mechanism != .cramMD5 else { return end(.unexpectedInitialResponse) }
        state = mechanism == .login ? .user : .message
        if initialResponse.count == 1, initialResponse[0] == UInt8(ascii: "=") {
            return take(initialResponse.extracting(first: 0))
        }
        return take(initialResponse)
    }

    /// Reads the client's answer to a challenge: a line with or without its CRLF.
    public mutating func next(_ line: Span<UInt8>) -> Step {
        guard line.count <= Self.lineLimitBytes else { return end(.tooLong) }
        return take(line.endsInLineEnd ? line.extracting(droppingLast: 2) : line)
    }

    /// Finishes an exchange whose credentials are not taken.
    ///
    /// XOAUTH2 and OAUTHBEARER tell the client why in a challenge, and wait for its answer, behind which the step is
    /// `failed(.refused)`. With the other mechanisms it is so at once.
    ///
    /// - Parameter reason: The JSON for that challenge (RFC 7628 section 3.2.2); nil, or where it is too long for a
    ///   line, the mechanism's own. It is not read.
    public mutating func refuse(reason: [UInt8]? = nil) -> Step {
        guard case .complete = state else { return end(.refused) }
        let own: String
        switch mechanism {
        case .xoauth2: own = #"{"status":"400","schemes":"Bearer"}"#
        case .oauthbearer: own = #"{"status":"invalid_token"}"#
        case .plain, .login, .cramMD5, .external: return end(.refused)
        }
        state = .refusing
        let reason = reason ?? Array(own.utf8)
        let fits = Base64.encodedCount(reason.count) + "334 \r\n".utf8.count <= Self.lineLimitBytes
        return .challenge(Base64.encoded((fits ? reason : Array(own.utf8)).span))
    }

    private mutating func firstChallenge() -> Step {
        switch mechanism {
        case .login:
            state = .user
            return .challenge(Self.userPrompt)
        case .plain, .external, .xoauth2, .oauthbearer:
            state = .message
            return .challenge([])
        case .cramMD5:
            state = .message
            return .challenge(Base64.encoded(challenge.span))
        }
    }

    /// `Username:` and `Password:`; clients look for these very words.
    private static let userPrompt = Array("VXNlcm5hbWU6".utf8)
    private static let passwordPrompt = Array("UGFzc3dvcmQ6".utf8)

    private mutating func take(_ text: Span<UInt8>) -> Step {
        switch state {
        case .refusing: return end(.refused)
        case .begun, .complete, .over: return end(.malformed)
        case .user, .password, .message: break
        }
        if text.count == 1, text[0] == UInt8(ascii: "*") { return end(.cancelled) }
        guard let message = Base64.decoded(text) else { return end(.notBase64) }
        if case .user = state { return takeUser(message) }
        guard let credentials = credentials(in: message) else { return end(.malformed) }
        state = .complete
        return .credentials(credentials)
    }

    private mutating func takeUser(_ message: Secret) -> Step {
        guard let user = message.withBytes({ Credentials.user(in: $0, 0..<$0.count) }) else { return end(.malformed) }
        state = .password(user: user)
        return .challenge(Self.passwordPrompt)
    }

    private func credentials(in message: Secret) -> Credentials? {
        if case .password(let user) = state {
            return Credentials(mechanism: .login, user: user, proof: .password(message))
        }
        return message.withBytes { bytes in
            switch mechanism {
            case .plain: .plain(bytes)
            case .cramMD5: .cramMD5(bytes, challenge: challenge)
            case .external: .external(bytes)
            case .xoauth2: .xoauth2(bytes)
            case .oauthbearer: .oauthbearer(bytes)
            // Its messages are read one by one.
            case .login: nil
            }
        }
    }

    private mutating func end(_ error: SASLError) -> Step {
        state = .over
        return .failed(error)
    }
}
