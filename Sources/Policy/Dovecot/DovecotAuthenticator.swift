public import Lookup
public import Ring
import TLS
import Telemetry
public import Wire

/// Asks Dovecot's auth service, as its own servers and Postfix do, over its socket.
///
/// A password is asked about by PLAIN, whichever way it came, where Dovecot offers that; the challenge of CRAM-MD5 is
/// Dovecot's. It holds refusals back by itself. A client that does not authenticate is refused: Dovecot knows no
/// recipients.
public final class DovecotAuthenticator: Authenticator {
    public let name: String
    private let ring: Ring
    private let timeout: Duration
    private let connection: DovecotConnection

    /// The longest that connecting and the greeting take, where a decision may take longer.
    static let connectTimeoutMax = Duration.seconds(10)
    /// What Dovecot may ask for in one exchange.
    static let challengesMax = 4

    /// - Parameter timeout: for a decision, in all; the time a client takes to answer a challenge is not counted.
    public init(_ name: String, at address: SocketAddress, timeout: Duration, on shard: isolated Shard) {
        self.name = name
        self.timeout = timeout
        ring = shard.ring
        connection = DovecotConnection(
            to: address, on: shard.ring, timeout: min(timeout, Self.connectTimeoutMax))
        connection.start(on: shard)
    }

    deinit { connection.close() }

    /// Ends its connection. Who asks from now on hears that nobody can say.
    public func closed() async {
        connection.close()
        await connection.ended()
    }

    public func challenge(
        for mechanism: SASLMechanism, _ facts: SessionFacts, cancellation: Cancellation
    ) async -> AuthenticationChallenge {
        let deadline = ring.now + timeout
        do throws(ConnectionFailure) {
            let offered = try await connection.open(until: deadline, cancellation)
            guard offered.contains(mechanism.rawValue) else { throw Self.isNotOffered(mechanism) }
            let request = try connection.begin(mechanism, facts.parameters(for: mechanism), response: nil)
            var isKept = false
            defer { if !isKept { connection.drop(request) } }
            let line = try await connection.next(about: request, until: deadline, cancellation)
            guard case .challenge(_, let bytes) = line,
                let challenge = GivenChallenge(bytes, isForgotten: { [connection] in connection.drop(request) })
            else { throw ConnectionFailure("it makes no challenge") }
            isKept = true
            connection.note(request, challenge: bytes)
            return .given(challenge)
        } catch {
            return .unavailable(.authenticationNotAvailable, because: "\(error)")
        }
    }

    public func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome {
        guard let credentials = attempt.credentials else {
            return .refused(Refusal(reply: .authenticationRequired))
        }
        do throws(ConnectionFailure) {
            return try await decision(about: credentials, attempt)
        } catch {
            return .unavailable(attempt.unavailableReply, because: "\(error)")
        }
    }

    private static func isNotOffered(_ mechanism: SASLMechanism) -> ConnectionFailure {
        ConnectionFailure("\(mechanism) is not among its mechanisms")
    }

    private func decision(
        about credentials: Credentials, _ attempt: AuthenticationAttempt
    ) async throws(ConnectionFailure) -> AuthenticationOutcome {
        let deadline = ring.now + timeout
        var responses = credentials.responses
        let request: DovecotRequest
        if case .digest(_, let challenge) = credentials.proof {
            guard let known = connection.request(challenged: challenge) else {
                throw ConnectionFailure("the connection that the challenge came by is gone")
            }
            request = known
            try connection.answer(request, responses.removeFirst())
        } else {
            let offered = try await connection.open(until: deadline, attempt.cancellation)
            let mechanism = try Self.mechanism(for: credentials, offered)
            if mechanism != .login { responses = [credentials.message(for: mechanism)] }
            request = try connection.begin(
                mechanism, attempt.facts.parameters(for: mechanism),
                response: mechanism == .login ? nil : responses.removeFirst())
        }
        defer { connection.drop(request) }
        var lastChallenge: [UInt8] = []
        for _ in 0...Self.challengesMax {
            let line = try await connection.next(about: request, until: deadline, attempt.cancellation)
            switch line {
            case .accepted(_, let fields): return try AuthenticationOutcome(accepted: fields, credentials)
            case .refused(_, let fields):
                return try AuthenticationOutcome(refused: fields, attempt, challenge: lastChallenge)
            case .challenge(_, let challenge):
                lastChallenge = challenge
                // A token that is not taken is spoken of in a challenge, whose answer is empty.
                try connection.answer(request, responses.isEmpty ? Secret(copying: []) : responses.removeFirst())
            case .version, .mechanism, .done, .other: preconditionFailure("a line about no request")
            }
        }
        throw ConnectionFailure("it asks for more than there is")
    }

    /// By which Dovecot is asked.
    private static func mechanism(
        for credentials: Credentials, _ offered: Set<String>
    ) throws(ConnectionFailure) -> SASLMechanism {
        let usable: [SASLMechanism] =
            if case .password = credentials.proof { [.plain, .login] } else { [credentials.mechanism] }
        guard
            let mechanism = usable.first(where: { mechanism in
                // LOGIN has no place for an identity to act as.
                offered.contains(mechanism.rawValue)
                    && (mechanism != .login || credentials.authorisationIdentity.isEmpty)
            })
        else { throw isNotOffered(credentials.mechanism) }
        return mechanism
    }
}

extension SessionFacts {
    /// What Dovecot is told of a client.
    func parameters(for mechanism: SASLMechanism) -> [DovecotCommand.Parameter] {
        typealias Parameter = DovecotCommand.Parameter
        // Nobody asks its master process about the user.
        var all = [Parameter("service", "smtp"), Parameter("nologin"), Parameter("session", id.description)]
        if let local, !local.isUnix { all += [Parameter("lip", local.host), Parameter("lport", "\(local.port)")] }
        if !client.isUnix { all += [Parameter("rip", client.host), Parameter("rport", "\(client.port)")] }
        guard let tls else { return all }
        all.append(Parameter("secured", "tls"))
        if let name = tls.serverName { all.append(Parameter("local_name", name)) }
        guard mechanism == .external, tls.verification?.outcome == .verified else { return all }
        all.append(Parameter("valid-client-cert"))
        if let name = tls.certificate?.commonName { all.append(Parameter("cert_username", name)) }
        return all
    }
}

extension Credentials {
    /// What answers Dovecot's challenges, one after the other.
    fileprivate var responses: [Secret] {
        switch proof {
        case .digest(let digest, _): [Self.joined([user, [UInt8(ascii: " ")]], digest, [])]
        case .password(let password): [Secret(copying: user), password]
        case .token, .certificate: []
        }
    }

    /// What the client has said, or would have said, by `mechanism`.
    fileprivate func message(for mechanism: SASLMechanism) -> Secret {
        switch proof {
        case .password(let password):
            return Self.joined([authorisationIdentity, [0], user, [0]], password, [])
        case .token(let token) where mechanism == .oauthbearer:
            let name = user.isEmpty ? [] : Array("a=".utf8) + Self.saslName(user)
            return Self.joined(
                [Array("n,".utf8), name, Array(",\u{1}auth=Bearer ".utf8)], token, [0x01, 0x01])
        case .token(let token):
            return Self.joined([Array("user=".utf8), user, Array("\u{1}auth=Bearer ".utf8)], token, [0x01, 0x01])
        case .certificate: return Secret(copying: authorisationIdentity)
        case .digest: preconditionFailure("a digest answers a challenge")
        }
    }

    /// A name in which a comma is `=2C` and an equals sign `=3D` (RFC 5801 section 4).
    private static func saslName(_ name: [UInt8]) -> [UInt8] {
        name.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: ","): Array("=2C".utf8)
            case UInt8(ascii: "="): Array("=3D".utf8)
            default: [byte]
            }
        }
    }

    private static func joined(_ before: [[UInt8]], _ secret: Secret, _ after: [UInt8]) -> Secret {
        let open = before.reduce(after.count) { $0 + $1.count }
        return Secret(capacityBytes: open + secret.count) { message in
            for part in before { for byte in part { message.append(byte) } }
            secret.withBytes { bytes in for index in bytes.indices { message.append(bytes[index]) } }
            for byte in after { message.append(byte) }
        }
    }
}

extension AuthenticationOutcome {
    /// Dovecot's yes.
    fileprivate init(accepted fields: [DovecotLine.Field], _ credentials: Credentials) throws(ConnectionFailure) {
        let login = fields.value("user") ?? credentials.actingUser
        guard 1...Credentials.identityLimitBytes ~= login.count, login.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw ConnectionFailure("the user that it names is none")
        }
        // A user who is known but may not go on; one who is sent on to another server is let in there.
        guard !fields.has("nologin") || fields.has("proxy") else {
            self = .refused(Refusal(fields))
            return
        }
        self = .accepted(Acceptance(login: login))
    }

    /// Dovecot's no.
    ///
    /// - Parameter challenge: the last one, which told what is wrong with a token.
    fileprivate init(
        refused fields: [DovecotLine.Field], _ attempt: AuthenticationAttempt, challenge: [UInt8]
    ) throws(ConnectionFailure) {
        guard !fields.has("temp"), fields.value("code") != Array("temp_fail".utf8) else {
            let reason = fields.value("reason").map { ": " + String(escaping: $0, limitBytes: 200) } ?? ""
            throw ConnectionFailure("it cannot say just now\(reason)")
        }
        var refusal = Refusal(fields)
        if case .token = attempt.credentials?.proof {
            let told = fields.value("resp").flatMap { Base64.decoded($0.span) }.map { document in
                document.withBytes { bytes in bytes.indices.map { bytes[$0] } }
            }
            let document = told ?? challenge
            refusal.errorDocument = document.isEmpty ? nil : document
        }
        self = .refused(refusal)
    }
}

extension Refusal {
    /// In Dovecot's words, where it has any for the user.
    fileprivate init(_ fields: [DovecotLine.Field]) {
        let standard = LocalReply.authenticationFailed
        guard let reason = fields.value("reason"), !reason.isEmpty,
            let reply = LocalReply(
                code: standard.code, status: standard.status, text: String(decoding: reason, as: UTF8.self))
        else {
            self.init(reply: standard)
            return
        }
        self.init(reply: reply)
    }
}
