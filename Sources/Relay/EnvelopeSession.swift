import Lookup
import Policy
import Ring
import TLS
import Telemetry
import Wire

/// One client at envelope depth: Mailrace greets it and answers its commands, until it knows who the client is and
/// where to. Then it brings an upstream to the same point, and bytes go both ways unread; where each transaction goes
/// its own way, it stays in between to the end.
///
/// The client may pipeline whatever it likes. What it says is read one command at a time; replies are gathered and go
/// out when nothing more is there to be read.
final class EnvelopeSession: Session {
    /// What those who decide are told.
    let facts: SessionFacts
    /// Replies that wait to be sent together.
    var repliesQueued = 0
    var budget = CommandBudget()
    var authenticationFailures = 0
    /// MAIL of the transaction, and the RCPT that an upstream is needed for.
    var mail: MailCommand?
    var rcpt: RcptCommand?
    /// What the authenticator has said, where it has said yes: who the client is to the upstream, and which that is.
    var acceptance: Acceptance?
    /// Where the session goes, if not to the listener's upstream.
    var routed: Routed?
    /// The upstream is asked who the client is: what it says to AUTH, the client is told.
    var isUpstreamsDecision = false
    /// What the client has authenticated with, while an upstream is shown it.
    var shownCredentials: Credentials?
    /// By which the question that somebody works at is taken back.
    var cancellation: Cancellation?
    /// The client's host name, until it is in the facts.
    var nameSearch: HostNames.Search?
    /// A pause during which nobody is listened to.
    var pause: Alarm?

    // Where each transaction goes its own way:

    /// From MAIL on.
    var transaction: Transaction?
    /// The connection that it goes by, and that the next may.
    var link: UpstreamLink? {
        didSet { if let oldValue, oldValue !== link { oldValue.routed.pool.resting.remove(oldValue) } }
    }
    var transactionsBegun = 0
    /// What the client was offered in the last reply to EHLO, AUTH and STARTTLS apart.
    var extensionsOffered: Set<Capability> = []
    /// Who the client is has changed this many times: an upstream that was told is to be told anew.
    var introductions = 0
    /// Of chunks that were refused, since the last message that was accepted.
    var octetsDropped = 0
    /// Where it was said who the client is: each connection that leads there is to know that.
    var decidedBy: Routed?
    /// When the session last came to something: its beginning, or a message that was accepted. What comes of a message
    /// moves it on.
    var progress: Instant
    /// Of the message that comes.
    var pace: ClientPace
    /// The upstream has been told who the client is, and takes the client for that.
    var hasSaidXCLIENT = false
    /// The authenticator has named the client for the transaction alone.
    var isLoginOfRecipient = false
    /// The session is to end when the transaction does.
    var isDrainPutOff = false

    override init(
        _ client: Stream, from peer: SocketAddress, _ context: ListenerContext, _ record: consuming SessionRecord
    ) {
        facts = SessionFacts(id: record.id, listener: record.listener, client: peer)
        progress = context.ring.now
        pace = context.clientPace
        super.init(client, from: peer, context, record)
        watch = .waitingClient
        client.keepsInputSecret = true
    }

    var envelope: EnvelopeSettings { context.envelope }
    /// Each transaction goes its own way: there is no hand-off.
    var isTransactional: Bool { context.envelope.transactions != nil }

    override func converse() async -> Bool {
        do throws(SessionEnd) {
            try await arrive()
            try await welcome()
            try await serve()
            forgetSecrets()
            return true
        } catch {
            let error = isAborted ? .aborted : error
            if isTransactional { await leaveTransactions(error) }
            await end(error)
            return false
        }
    }

    /// From the greeting on: answers commands until one of them leads to the hand-off.
    private func serve() async throws(SessionEnd) {
        while true {
            phase = .command
            if isDraining, isTransactional { throw .drained }
            switch try await nextRequest() {
            case .command(let line):
                if try await carryOut(line) { return }
            case .authentication(let length):
                if try await authenticate(length) { return }
            }
        }
    }

    /// The upstream knows the client, and the session may live for hours.
    private func forgetSecrets() {
        acceptance = nil
        facts.deferredCredentials = nil
    }

    // MARK: The upstream

    override var pool: UpstreamPool { routed?.pool ?? super.pool }

    override var candidates: UpstreamPool.Candidates {
        // A recipient's acceptance is part of its route.
        let server = (isTransactional ? nil : acceptance?.server) ?? routed?.destination.server
        return server.map { pool.candidates(only: $0) } ?? super.candidates
    }

    override var verifiesUpstream: Bool? { routed?.destination.verifiesTLS }

    /// Until the client is answered, only what is said about itself or its mail is for it to hear.
    override func isWorthAnother(_ end: SessionEnd) -> Bool {
        guard end.endedBy == .upstream else { return false }
        if case .relayed(let reply) = end.farewell { return reply.isTransientFailure && phase != .envelope }
        return true
    }

    override func beginDialogue(mayDecline: Bool) async throws(SessionEnd) -> Reply {
        doesWithoutUpstreamTLS = false
        (link, hasSaidXCLIENT) = (nil, false)
        let greeting = try await super.beginDialogue(mayDecline: false)
        guard greeting.code == 220 else { throw .refused(greeting) }
        let offer = try await introduceMailrace()
        guard offer.code == 250 else { throw .refused(offer) }
        return try await introduceClient(to: try await tellOfClient(offer))
    }

    // MARK: The end

    /// A transaction may come to its end, within the drain's deadline.
    override func drain() {
        guard transaction == nil else {
            isDrainPutOff = true
            return
        }
        super.drain()
        takeBack()
    }

    override func abort() {
        // Whatever is waited for besides the client and the upstream, as the answer of a map, must not go on with them.
        isDraining = true
        super.abort()
        // Waits that begin later end by it, also in a transaction, for which the drain was put off.
        isDraining = true
        takeBack()
    }

    private func takeBack() {
        cancellation?.cancel()
        pause?.turnOff()
    }

    // MARK: The greeting

    /// Greets the client; one that does not wait for it is refused.
    private func welcome() async throws(SessionEnd) {
        facts.client = identity.source
        if case .proxied(let source, let destination) = identity.header?.origin {
            facts.proxied = ProxiedAddresses(
                source: SocketAddress(source), destination: SocketAddress(destination))
        }
        searchForName()
        phase = .greeting
        if envelope.greetingDelay > .zero { try await holdBack() }
        try await greet()
        try await sendReplies()
    }

    /// The greeting, for those who are welcome.
    func greet() async throws(SessionEnd) {
        switch await decision(at: .connect) {
        case .accept: break
        case .refuse(let reply, let check), .unavailable(let reply, let check):
            context.counters.add(.checkRefusals, reason: check)
            throw .unwelcome(reply)
        }
        answer(Array("220 \(settings.hostname) \(envelope.greetingText)\r\n".utf8))
    }

    @inline(never)
    private func holdBack() async throws(SessionEnd) {
        if let teaser = envelope.teaser {
            answer(Array("220-\(settings.hostname) \(teaser)\r\n".utf8))
            try await sendReplies()
        }
        client.deadline = ring.now + envelope.greetingDelay
        while client.buffered == 0 {
            if isDraining { throw .drained }
            do throws(StreamError) { try await client.waitForInput() } catch {
                switch error {
                case .timedOut: return
                case .interrupted: continue
                default: throw .clientFailed(error)
                }
            }
        }
        context.counters.add(.earlyDataReceivedCountTotal)
        throw .earlyTalker
    }
}
