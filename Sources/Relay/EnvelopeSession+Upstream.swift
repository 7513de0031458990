import Policy
import Ring
import Telemetry
import Wire

// The upstream is brought to where the client is: it hears who that is, and what it has said.
extension EnvelopeSession {
    /// What the client has said that makes an upstream necessary.
    enum Errand {
        /// It has authenticated.
        case login(Credentials)
        /// MAIL and its first RCPT, which stand in the facts.
        case envelope
    }

    /// Connects an upstream, says all that is to be said, and tells the client how that went: what the upstream answers
    /// to its RCPT, or that it is authenticated.
    ///
    /// - Returns: true where the session is handed off. False where no upstream could be brought so far: the client may
    ///   try again.
    @inline(never)
    func handOff(to errand: Errand) async throws(SessionEnd) -> Bool {
        if case .login(let credentials) = errand { shownCredentials = credentials }
        var isKept = false
        defer { if !isKept { shownCredentials = nil } }
        try await sendReplies()
        if isTransactional { await releaseLink() }
        guard try await findRoute() else { return false }
        if isTransactional, routed == nil { routed = ownRoute }
        do throws(SessionEnd) {
            let reply = try await reachUpstream()
            if isUpstreamsDecision, try await !welcomesLogin() { return false }
            if case .login = errand {
                try await tellClient(render(.authenticated))
            } else {
                try await tellClient(reply.bytes)
            }
            isKept = isTransactional
            if isTransactional { noteWhoseLink() }
            return true
        } catch {
            try await stay(after: error)
            return false
        }
    }

    /// The upstream's connection is known to be the client's, and others that lead there are to be shown its
    /// credentials, too.
    @inline(never)
    private func noteWhoseLink() {
        link?.client = clientVersion
        if isUpstreamsDecision { decidedBy = routed }
        restLink()
    }

    /// Tells the client why it has no upstream. It may try again.
    @inline(never)
    private func stay(after error: SessionEnd) async throws(SessionEnd) {
        guard let reply = error.passingReply else { throw error }
        count(error)
        await dropUpstream()
        link = nil
        if isUpstreamsDecision { try await noteUpstreamsDecision(error) }
        let isMistake = reply.isPermanent || !isTransactional
        if isMistake, !budget.takeError(max: envelope.errorsMax) { throw .tooManyCommands }
        switch reply {
        case .own(let reply): answer(render(reply))
        case .relayed(let reply): answer(reply.bytes)
        case .silence: preconditionFailure("a failure that passes without a word")
        }
    }

    /// What is said behind the greeting.
    func introduceClient(to offer: Reply) async throws(SessionEnd) -> Reply {
        if let credentials = upstreamCredentials { try await authenticate(with: credentials, offer) }
        if isTransactional { beginLink(offering: offer) }
        guard let mail, let rcpt else { return offer }
        if isTransactional { return try await sayEnvelope() }
        return try await pass(mail.passedOn, rcpt.passedOn, isPipelined: offer.offers(.pipelining))
    }

    /// EHLO of our own name, and what comes with it; HELO where the upstream knows no other.
    func introduceMailrace() async throws(SessionEnd) -> Reply {
        phase = .ehloReply
        let ownName = Array(settings.hostname.utf8)
        let name = pool.settings.usesClientsName ? facts.greeting?.name ?? ownName : ownName
        let isLMTP = pool.settings.transferProtocol == .lmtp
        let reply = try await introduce(.greeting(isLMTP ? "LHLO" : "EHLO", name))
        if isLMTP { return reply }
        guard reply.isPermanentFailure, !wantsUpstreamTLS || pool.settings.tls == .opportunistic else { return reply }
        return try await introduce(.greeting("HELO", name))
    }

    /// MAIL and RCPT of the client. What the upstream has against the one is told as the answer to the other:
    /// the client has heard that its MAIL was taken.
    private func pass(_ mail: [UInt8], _ rcpt: [UInt8], isPipelined: Bool) async throws(SessionEnd) -> Reply {
        phase = .envelope
        let start = ring.now
        defer { note(.upstreamEnvelope, since: start) }
        guard isPipelined else {
            let reply = try await answer(to: mail)
            return reply.code == 250 ? try await answer(to: rcpt) : try refused(reply)
        }
        transcribe(with: .upstream, .client, mail)
        upstream?.queue(mail)
        try await tellUpstream(rcpt)
        let replies = (try await nextReply(isLast: false), try await nextReply(isLast: true))
        return replies.0.code == 250 ? replies.1 : try refused(replies.0)
    }

    /// What becomes of a refused MAIL. Where that is for now, the session is not handed off: a server without a sender
    /// refuses all other recipients for good (503), and the client would give up on them.
    private func refused(_ reply: Reply) throws(SessionEnd) -> Reply {
        guard reply.isPermanentFailure else { throw .refused(reply) }
        return reply
    }

    private func nextReply(isLast: Bool) async throws(SessionEnd) -> Reply {
        let reply = try await nextReply(within: settings.timeouts.reply, isLast: isLast)
        if reply.announcesClosing { throw .upstream421(reply) }
        return reply
    }

    // MARK: AUTH

    /// The upstream knows the client, and the checks of the listener have their say. Where they refuse it, it has been
    /// told.
    private func welcomesLogin() async throws(SessionEnd) -> Bool {
        noteLogin(shownCredentials?.user ?? [])
        noteDecision("accepted")
        guard try await !passes(.auth) else { return true }
        forgetLogin()
        await dropUpstream()
        link = nil
        return false
    }

    /// The upstream has not said yes.
    private func noteUpstreamsDecision(_ end: SessionEnd) async throws(SessionEnd) {
        guard phase == .upstreamAuthentication, case .relayed(let reply) = end.farewell, reply.isPermanentFailure else {
            return noteDecision("unavailable")
        }
        noteDecision("refused")
        if let shownCredentials {
            logRefusal(of: shownCredentials)
            try await hold(countFailure(with: shownCredentials))
        }
        try noteFailure()
    }

    /// The upstream is asked who the client is, or has been before.
    var isClientsByDecision: Bool {
        if isUpstreamsDecision { return true }
        guard let decidedBy, let routed else { return false }
        return decidedBy.pool === routed.pool && decidedBy.destination.isSamePlace(as: routed.destination)
    }

    /// What the upstream is shown of the client's credentials; nil: nothing.
    private var upstreamCredentials: Credentials? {
        if isClientsByDecision { return shownCredentials }
        guard pool.settings.authenticatesClients else { return pool.settings.ownCredentials?.credentials }
        return acceptance?.upstreamCredentials ?? shownCredentials ?? facts.deferredCredentials
    }

    private func authenticate(with credentials: Credentials, _ offer: Reply) async throws(SessionEnd) {
        phase = .upstreamAuthentication
        let start = ring.now
        defer { note(.upstreamAuthentication, since: start) }
        guard let mechanism = SASLClient.mechanism(for: credentials, offered: offer.offeredMechanisms) else {
            throw .upstreamNotInformed
        }
        var exchange = SASLClient(mechanism, credentials)
        var line = exchange.begin()
        while true {
            switch exchange.next(try await answer(toSecret: line)) {
            case .send(let next): line = next
            case .succeeded: return
            case .refused(let reply):
                guard isClientsByDecision || pool.settings.authenticatesClients else { throw ownRefused(reply) }
                throw .refused(reply)
            }
        }
    }

    /// Mailrace's own credentials are not taken: nothing that the client could do about it.
    private func ownRefused(_ reply: Reply) -> SessionEnd {
        context.log.warning(
            "the upstream does not take auth_user's credentials",
            ["session": record.id.description, "server": record.upstream ?? "", "code": "\(reply.code)"])
        return .upstreamNotInformed
    }

    /// What the upstream answers to a line that nobody may see.
    private func answer(toSecret line: Secret) async throws(SessionEnd) -> Reply {
        transcribe(with: .upstream, "a line of AUTH, \(line.count) bytes")
        upstream?.queue(line)
        try await tellUpstream([])
        let reply = try await nextReply(within: settings.timeouts.reply)
        if reply.announcesClosing { throw .upstream421(reply) }
        return reply
    }
}

extension Line {
    /// EHLO or HELO of a name that has been looked over.
    fileprivate static func greeting(_ verb: String, _ name: [UInt8]) -> Line {
        let bytes = Array("\(verb) ".utf8) + name + Array("\r\n".utf8)
        guard let command = try? Command(line: bytes.span) else { preconditionFailure("a name that is none") }
        return Line(bytes: bytes, command: command)
    }
}

extension MailCommand {
    /// The command for an upstream, in the one form that all read alike. Who submitted the message is left out: it is
    /// the word of a client that nobody has reason to trust in that (RFC 4954 section 5).
    fileprivate var passedOn: [UInt8] {
        envelopeLine("MAIL FROM:<", sender?.address ?? [], parameters.filter { $0.keyword != "AUTH" })
    }
}

extension RcptCommand {
    /// The same.
    fileprivate var passedOn: [UInt8] { envelopeLine("RCPT TO:<", recipient.address, parameters) }
}

extension Stream {
    /// Queues a line that nobody may see.
    fileprivate func queue(_ secret: Secret) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(secret.count)
        secret.append(to: &bytes)
        queueSecret(bytes)
        bytes.wipe()
    }
}

extension SessionEnd {
    /// What the client is told of an upstream's failure where it may stay; nil where the session ends.
    var passingReply: Farewell? {
        switch end {
        case .upstreamUnreachable, .upstreamFull: .own(.upstreamNotReachable)
        case .upstreamClosed, .upstreamReset, .replyTimeout: .own(.upstreamLost)
        case .upstreamTLSNotOffered, .upstreamTLSRefused, .upstreamTLSFailed: .own(.upstreamNotSecure)
        case .upstreamBadReply: .own(.upstreamNotUnderstood)
        case .upstreamRefused: farewell
        default: nil
        }
    }
}
