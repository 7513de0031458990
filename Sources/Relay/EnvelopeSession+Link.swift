import Policy
import Ring
import TLS
import Telemetry
import Wire

// The connection to an upstream that the session's transactions go by, one after the other.
extension EnvelopeSession {
    /// The upstream has been told all that comes before MAIL.
    func beginLink(offering offer: Reply) {
        guard let upstream, let routed else { preconditionFailure("linked to nobody") }
        let forwarded = pool.settings.tellsOfClient && !hasSaidXCLIENT ? offer.offeredAttributes(of: .xforward) : nil
        link = UpstreamLink(
            to: routed, offering: ServerOffer(offer), forwarding: forwarded,
            as: isKnownToUpstream ? clientVersion : nil, opened: ring.now)
        if verifiesUpstream == nil, let tls = upstream.layer as? TLSEngine, let session = tls.session {
            server?.tlsSession = session
        }
    }

    /// Whether the upstream takes what comes by this connection for this client's.
    private var isKnownToUpstream: Bool {
        let settings = pool.settings
        return settings.proxyHeader != nil || settings.authenticatesClients || settings.usesClientsName
            || settings.tls == .mirror || hasSaidXCLIENT || isClientsByDecision
    }

    var clientVersion: UpstreamLink.ClientVersion {
        UpstreamLink.ClientVersion(introductions: introductions, login: facts.login)
    }

    /// The upstream's answer to the transaction's RCPT, after all that it takes to come so far.
    @inline(never)
    func upstreamAnswer(over routed: Routed) async throws(SessionEnd) -> Reply {
        if let link {
            link.routed.pool.resting.remove(link)
            if transaction?.recipientsAccepted ?? 0 > 0 { return try await sayRecipient() }
            // Nobody has listened to it since its last reply.
            upstream?.lookForInput()
            if link.fits(routed, for: clientVersion, at: ring.now), upstream?.hasInput == false {
                if link.state == .mail { return try await sayRecipient() }
                if let reply = try await answerOnceMore() { return reply }
            } else {
                await releaseLink()
            }
        }
        self.routed = routed
        if !isClientsByDecision, let kept = pool.takeIdle(UpstreamLink.key(of: routed.destination), for: identity) {
            take(kept, for: routed)
            if let reply = try await answerOnceMore() { return reply }
        }
        return try await reachUpstream()
    }

    /// The connection is this session's from now on.
    private func take(_ kept: IdleConnection, for routed: Routed) {
        (upstream, server) = (kept.stream, kept.server)
        (record.upstream, record.upstreamTLS) = (kept.server.name, kept.tls)
        hasSaidXCLIENT = false
        link = UpstreamLink(to: routed, by: kept)
        transcribe(with: .upstream, "connected to \(kept.server.name) before")
    }

    /// True where the next session has the connection: its server knows nothing of this one's client.
    private func keepForOthers(_ link: UpstreamLink) -> Bool {
        guard link.client == nil, link.state == .ready, let upstream, let server else { return false }
        let kept = IdleConnection(
            key: UpstreamLink.key(of: link.routed.destination), stream: upstream, server: server, offer: link.offer,
            forwarded: link.forwarded, tls: record.upstreamTLS, opened: link.opened, messages: link.messages)
        guard link.messages < link.offer.transactionsMax ?? .max, link.routed.pool.keep(kept) else { return false }
        countLinkBytes()
        (self.link, self.upstream, self.server) = (nil, nil, nil)
        return true
    }

    /// As above, over a connection that has carried a message. Nil where that turns out to be dead, which it may have
    /// been for long: nothing of the transaction has been answered.
    private func answerOnceMore() async throws(SessionEnd) -> Reply? {
        guard let link else { return nil }
        link.isReused = true
        link.hasAnswered = false
        do throws(SessionEnd) {
            guard let forwarded = link.forwarded else { return try await sayEnvelope() }
            if link.offer.offers(.pipelining) { return try await sayEnvelope(behind: xforward(forwarded)) }
            try await forward(forwarded, over: link)
            return try await sayEnvelope()
        } catch {
            let isDead = [.upstreamClosed, .upstreamReset, .upstream421].contains(error.end)
            guard isDead, !link.hasAnswered else { throw error }
            await dropLink()
            return nil
        }
    }

    /// In the midst of a transaction the server would not take it.
    private func forward(_ wanted: Set<IdentityAttribute>, over link: UpstreamLink) async throws(SessionEnd) {
        if link.state == .stale { try await forgetMail(answer(to: Self.rset)) }
        // Where the session ends before the answer is there, that would be the first that the next session reads.
        link.state = .stale
        try await sayXFORWARD(wanted)
        link.state = .ready
    }

    /// MAIL and RCPT of the transaction. What the upstream has against the one is told as the answer to the other: the
    /// client has heard that its MAIL was taken.
    ///
    /// - Parameter identity: XFORWARD, for an upstream that takes several commands at once. What it says to that does
    ///   not matter.
    func sayEnvelope(behind identity: [[UInt8]] = []) async throws(SessionEnd) -> Reply {
        guard let link, let mail, let rcpt else { preconditionFailure("no envelope to say") }
        if let objection = link.objection(to: mail, isVerified: isUpstreamVerified) ?? link.objection(to: rcpt) {
            throw .notPassedOn(objection)
        }
        phase = .envelope
        let start = ring.now
        defer {
            note(.upstreamEnvelope, since: start)
            transaction?.durations.envelope = ring.now.nanoseconds(since: start)
        }
        let isReset = link.state == .stale
        link.state = .stale
        let mailLine = link.line(of: mail)
        let rcptLine = link.line(of: rcpt)
        guard link.offer.offers(.pipelining) else {
            if isReset { try await forgetMail(answer(to: Self.rset)) }
            let reply = try await linkAnswer(to: mailLine)
            guard reply.code == 250 else { return try mailRefused(reply, leaving: .ready) }
            link.state = .mail
            return try await linkAnswer(to: rcptLine)
        }
        if isReset { queue(Self.rset) }
        for line in identity { queue(line) }
        queue(mailLine)
        try await tellUpstream(rcptLine)
        if isReset { try await forgetMail(linkReply(isLast: false)) }
        for _ in identity { _ = try await linkReply(isLast: false, isAboutMail: false) }
        let toMail = try await linkReply(isLast: false)
        // Out of step, it may never answer RCPT.
        guard toMail.isAnswerToMail else { throw .upstreamBadReply }
        let toRcpt = try await linkReply(isLast: true)
        guard toMail.code == 250 else {
            // It has taken a recipient of no sender: whatever that means to it is to be forgotten.
            return try mailRefused(toMail, leaving: toRcpt.isPositiveCompletion ? .stale : .ready)
        }
        link.state = .mail
        return toRcpt
    }

    /// One more recipient of a transaction that the upstream is in.
    private func sayRecipient() async throws(SessionEnd) -> Reply {
        guard let link, let rcpt else { preconditionFailure("no recipient to say") }
        if let objection = link.objection(to: rcpt) { throw .notPassedOn(objection) }
        phase = .envelope
        return try await linkAnswer(to: link.line(of: rcpt))
    }

    private static let rset = Array("RSET\r\n".utf8)

    private func queue(_ line: [UInt8]) {
        transcribe(with: .upstream, .client, line)
        upstream?.queue(line)
    }

    private func forgetMail(_ reply: Reply) throws(SessionEnd) {
        guard reply.code == 250 else { throw .upstreamBadReply }
    }

    private func mailRefused(_ reply: Reply, leaving state: UpstreamLink.State) throws(SessionEnd) -> Reply {
        guard reply.isAnswerToMail else { throw .upstreamBadReply }
        link?.state = state
        return reply
    }

    /// What the upstream answers to a command of a transaction.
    func linkAnswer(to line: [UInt8]) async throws(SessionEnd) -> Reply {
        try await tellUpstream(line)
        return try await linkReply(isLast: true)
    }

    private func linkReply(isLast: Bool, isAboutMail: Bool = true) async throws(SessionEnd) -> Reply {
        let reply = try await nextReply(within: settings.timeouts.reply, isLast: isLast)
        if reply.announcesClosing { throw .upstream421(reply) }
        if isAboutMail { link?.hasAnswered = true }
        return reply
    }

    /// The upstream's certificate is sound, and is what was asked for.
    var isUpstreamVerified: Bool {
        (upstream?.layer as? TLSEngine)?.verification?.outcome == .verified
    }

    // MARK: Letting go

    /// Closes the connection without a word: what the upstream has of a message it must not take for all.
    func dropLink() async {
        countLinkBytes()
        link = nil
        if let upstream = upstream.take() { await upstream.close() }
        record.upstreamTLS = nil
        leaveServer()
    }

    /// Lets go of a connection that stands between two messages.
    func releaseLink() async {
        upstream?.lookForInput()
        guard let link, link.state != .message, upstream?.hasInput == false else { return await dropLink() }
        release(link)
    }

    /// The session may not need its connection for a while. Others may have it then, from here on.
    func restLink() {
        guard let link, let server, link.state != .message else { return }
        link.routed.pool.rest(link, to: server) { [weak self] in self?.yieldLink() }
    }

    private func yieldLink() {
        upstream?.lookForInput()
        guard let link else { return }
        release(link)
    }

    /// Others have it, or it ends with a goodbye.
    private func release(_ link: UpstreamLink) {
        guard let upstream, upstream.hasInput || !keepForOthers(link) else { return }
        countLinkBytes()
        let quit = Array("QUIT\r\n".utf8)
        transcribe(with: .upstream, .client, quit)
        // Nobody waits for its goodbye.
        upstream.hangUp(saying: quit)
        (self.link, self.upstream) = (nil, nil)
        leaveServer()
    }

    private func countLinkBytes() {
        guard let upstream else { return }
        let (received, sent) = (link?.receivedBefore ?? 0, link?.sentBefore ?? 0)
        context.counters.add(.upstreamRxBytes, upstream.bytesReceived - received)
        context.counters.add(.upstreamTxBytes, upstream.bytesSent - sent)
        record.bytesUpstream += upstream.bytesSent - sent
    }
}

extension Reply {
    fileprivate var isAnswerToMail: Bool { code == 250 || isTransientFailure || isPermanentFailure }
}

extension SessionEnd {
    /// What a client asks for cannot be had of this upstream, to which it has not been said.
    static func notPassedOn(_ reply: LocalReply) -> SessionEnd {
        SessionEnd(.upstreamRefused, by: .mailrace, saying: .own(reply))
    }
}
