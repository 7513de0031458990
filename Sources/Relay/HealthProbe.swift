import Ring
import TLS
import Telemetry
import Wire

/// Asks one server time and again whether it is well, and what it offers.
final class HealthProbe {
    private let server: UpstreamServer
    private let pool: UpstreamPool
    /// Whether its certificate must be valid; nil: as the settings say.
    private let verifies: Bool?
    /// For whose sake alone it is asked; nil: it is one of the pool's.
    private let watch: ServerWatch?
    private var pause: Alarm?
    private var hasBegun = false
    private var stream: Stream?
    /// Its reply to EHLO outside TLS, when what it says inside was last looked at.
    private var lastOutside: Reply?
    private var isStopping = false
    private var hasEnded = true
    private var waiting: UnsafeContinuation<Void, Never>?

    init(
        of server: UpstreamServer, in pool: UpstreamPool, verifying verifies: Bool? = nil,
        for watch: ServerWatch? = nil
    ) {
        self.server = server
        self.pool = pool
        self.verifies = verifies
        self.watch = watch
    }

    private var ring: Ring { pool.ring }
    private var policy: UpstreamSettings.HealthPolicy { pool.settings.health }

    private var isAskedForOffers: Bool { watch != nil || pool.isAskedForOffers }

    func start() {
        hasEnded = false
        let share = UInt64.random(in: 0...100)
        pool.spawn { await self.run(firstShare: share) }
    }

    /// Asks for the end; `ended` waits for it.
    func beginStop() {
        isStopping = true
        pause?.turnOff()
        stream?.deadline = ring.now
    }

    func ended() async {
        guard !hasEnded else { return }
        await withUnsafeContinuation { waiting = $0 }
    }

    /// Somebody waits for what the server offers: the first probe is not put off any more.
    func hurry() {
        if !hasBegun { pause?.turnOff() }
    }

    /// Shards and servers must not ask all at the same moment: the first pause is a random share of the interval, in
    /// percent, the others are up to a tenth shorter.
    private func run(firstShare: UInt64) async {
        if !isAskedForOffers { await rest(policy.interval * Int(firstShare) / 100) }
        hasBegun = true
        while !isStopping, watch?.goesOn() != false {
            await probe()
            await rest(server.checkInterval * Int.random(in: 90...100) / 100)
        }
        if let watch { pool.forget(watch) }
        hasEnded = true
        waiting.take()?.resume()
    }

    private func rest(_ length: Duration) async {
        guard !isStopping else { return }
        let pause = Alarm()
        self.pause = pause
        await pause.sleep(on: ring, until: ring.now + length)
        self.pause = nil
    }

    private func probe() async {
        let deadline = ring.now + policy.timeout
        do throws(DialError) {
            let stream = try await pool.connect(to: server, within: policy.timeout) { stream in
                self.stream = stream
                if isStopping { stream.deadline = ring.now }
            }
            self.stream = stream
            stream.deadline = deadline
            let problem = await examine(stream)
            self.stream = nil
            await stream.close()
            note(problem)
        } catch {
            stream = nil
            if !error.isOurs { note(error.description) }
        }
    }

    private func note(_ problem: String?) {
        guard !isStopping else { return }
        server.logCheck(problem)
        guard watch == nil else { return server.noteAnswer(problem == nil) }
        guard let problem else { return server.noteSuccess() }
        server.tally.countFailedCheck()
        server.noteFailure(problem, at: ring.now)
    }

    /// What is wrong with the server; nil: nothing.
    private func examine(_ stream: Stream) async -> String? {
        if let header = pool.settings.proxyHeader { stream.queue(header.headerOfOwn(stream)) }
        do throws(StreamError) {
            try await stream.flush()
            guard policy.probe == .ehlo else { return nil }
            if pool.settings.tls == .implicit, let problem = try await secure(stream) { return problem }
            guard let greeting = try await stream.nextReply() else { return "malformed greeting" }
            guard greeting.code == 220 else { return "greeting \(greeting.code)" }
            if let problem = try await introduce(stream) { return problem }
            // A server that has answered is well, whether or not it waits for our goodbye.
            stream.queue(Array("QUIT\r\n".utf8))
            try? await stream.finishSending()
            return nil
        } catch {
            return error.description
        }
    }
}

/// What each step finds wrong with the server; nil: nothing.
extension HealthProbe {
    /// EHLO and, where no session goes on without it, STARTTLS and EHLO again: a server that refuses our certificate
    /// does so behind the handshake (RFC 8446 section 4.4.2). What a session would be told in the end is noted.
    private func introduce(_ stream: Stream) async throws(StreamError) -> String? {
        let verb = pool.settings.transferProtocol == .lmtp ? "LHLO" : "EHLO"
        try await stream.write(Array("\(verb) \(pool.settings.hostname)\r\n".utf8))
        guard let reply = try await stream.nextReply() else { return "malformed reply to \(verb)" }
        guard reply.code == 250 else { return "\(reply.code) to \(verb)" }
        if stream.layer == nil {
            switch pool.settings.tls {
            case .required:
                if let problem = try await startTLS(stream, offer: reply) { return problem }
                return try await introduce(stream)
            case .opportunistic, .mirror:
                return await lookInside(stream, reply)
            case .off, .implicit: break
            }
        }
        server.note(ServerOffer(reply), isClientSecure: stream.layer != nil)
        return nil
    }

    /// The server has answered in the clear, and is well. What it offers inside TLS is asked for where somebody wants
    /// to know; where there is no TLS to be had, sessions do without, or say so themselves.
    private func lookInside(_ stream: Stream, _ outside: Reply) async -> String? {
        let isMirror = pool.settings.tls == .mirror
        if isMirror { server.note(ServerOffer(outside), isClientSecure: false) }
        guard isAskedForOffers else { return nil }
        guard outside != lastOutside || server.offer(isClientSecure: true) == nil else { return nil }
        lastOutside = outside
        do throws(StreamError) {
            if try await startTLS(stream, offer: outside) == nil, try await introduce(stream) == nil { return nil }
        } catch {
            if isStopping { return nil }
        }
        server.note(isMirror ? .nothing : ServerOffer(outside), isClientSecure: true)
        return nil
    }

    private func startTLS(_ stream: Stream, offer: Reply) async throws(StreamError) -> String? {
        guard offer.offers(.starttls) else { return "no STARTTLS" }
        try await stream.write(Array("STARTTLS\r\n".utf8))
        guard let reply = try await stream.nextReply() else { return "malformed reply to STARTTLS" }
        guard reply.code == 220 else { return "\(reply.code) to STARTTLS" }
        guard stream.buffered == 0 else { return "plaintext behind the reply to STARTTLS" }
        return try await secure(stream)
    }

    private func secure(_ stream: Stream) async throws(StreamError) -> String? {
        let engine: TLSEngine
        do throws(TLSConfigurationError) {
            guard let tls = try pool.tls(verifying: verifies) else { return nil }
            engine = try TLSEngine(client: tls, serverName: server.tlsName)
        } catch {
            return error.description
        }
        do throws(StreamError) {
            try await stream.secure(with: engine)
            return nil
        } catch .insecure {
            return "TLS: \(TLSFailure(of: engine, .insecure).description)"
        }
    }
}

extension Stream {
    /// The next reply; nil where what comes is none.
    fileprivate func nextReply() async throws(StreamError) -> Reply? {
        var framer = LineFramer(limitBytes: Reply.lineLimitBytes)
        var assembler = ReplyAssembler()
        while true {
            switch withInput({ framer.next(in: $0) }) {
            case .line(let length):
                do {
                    if let reply = try assembler.add(takeInput(length).span) { return reply }
                } catch {
                    return nil
                }
            case .tooLong: return nil
            case .incomplete: try await waitForInput()
            }
        }
    }
}
