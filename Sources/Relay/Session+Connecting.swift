import Lookup
import Ring
import TLS
import Telemetry
import Wire

// The way to an upstream that greets.
extension Session {
    /// Connects a server and begins the dialogue with it. Until the client is shown the outcome, another server can
    /// take its place: those that do not take the connection, and up to `retries` that do and then fail.
    func reachUpstream() async throws(SessionEnd) -> Reply {
        var candidates = candidates
        var retries = pool.settings.retries
        var outcome = SessionEnd.upstreamUnreachable
        while true {
            guard let server = try await takeServer(&candidates) else { throw outcome }
            do throws(SessionEnd) {
                guard try await open(server) else { continue }
                return try await beginDialogue(mayDecline: retries > 0 && !candidates.isEmpty)
            } catch {
                guard isWorthAnother(error), retries > 0 else { throw error }
                blameServer(for: error)
                outcome = error
                retries -= 1
            }
            await dropUpstream()
        }
    }

    /// The next server that has room for one more connection. Waits where all are full.
    private func takeServer(_ candidates: inout UpstreamPool.Candidates) async throws(SessionEnd) -> UpstreamServer? {
        defer { leaveLine() }
        var patienceEnd: Instant?
        while true {
            if isDraining { throw .drained }
            switch pool.next(&candidates) {
            case .server(let server):
                phase = .connect
                self.server = server
                context.log.debug(
                    "upstream server chosen",
                    ["session": record.id.description, "server": server.address.description])
                return server
            case .none: return nil
            case .full:
                phase = .connect
                guard let place = waitingPlace else {
                    waitingPlace = pool.joinLine(client, for: candidates)
                    guard waitingPlace != nil else { throw .upstreamFull }
                    continue
                }
                let isAsked = pool.askForRoom(candidates)
                // What others make room for is there soon, and no session has it.
                let patience = max(pool.settings.waitTimeout, isAsked ? UpstreamPool.roomPatience : .zero)
                let end = patienceEnd ?? ring.now + patience
                patienceEnd = end
                guard ring.now < end else { throw .upstreamFull }
                let look = min(end, pool.line.nextLook(of: place, at: ring.now))
                try await wait(until: look)
                // It has not been its turn for a whole while.
                if ring.now >= look { pool.callForRoom(candidates) }
            }
        }
    }

    /// Waits for the moment, or for an interruption. A client that leaves meanwhile ends the session.
    private func wait(until moment: Instant) async throws(SessionEnd) {
        // One who may speak and has spoken is not read on.
        guard !client.hasInput else { return await ring.sleep(until: moment) }
        client.deadline = moment
        do throws(StreamError) { try await client.waitForInput() } catch {
            switch error {
            case .timedOut, .interrupted: return
            default: throw .clientFailed(error)
            }
        }
        try look(at: watch)
    }

    private func leaveLine() {
        if let place = waitingPlace.take() { pool.leaveLine(place) }
    }

    /// Opens the connection: PROXY header, and TLS where it comes first. False where the server does not take it.
    func open(_ server: UpstreamServer) async throws(SessionEnd) -> Bool {
        phase = .connect
        guard try await dial(server) else {
            await dropUpstream()
            return false
        }
        record.upstream = server.name
        transcribe(with: .upstream, "connected to \(server.name)")
        if let header = pool.settings.proxyHeader { upstream?.queue(proxyHeader(header)) }
        if pool.settings.tls == .implicit {
            phase = .upstreamHandshake
            try await secureUpstream()
        } else {
            try await tellUpstream([])
        }
        phase = .greeting
        return true
    }

    @inline(never)
    private func dial(_ server: UpstreamServer) async throws(SessionEnd) -> Bool {
        let start = ring.now
        do throws(DialError) {
            _ = try await pool.connect(to: server, within: pool.settings.connectTimeout) { stream in
                upstream = stream
                if isDraining { stream.deadline = ring.now }
            }
            server.tally.countConnect()
            note(.upstreamConnect, since: start)
            return true
        } catch {
            upstream = nil
            if isDraining { throw .drained }
            server.tally.countConnectFailure()
            transcribe(with: .upstream, "\(server.address) not reachable: \(error)")
            if !error.isOurs { server.noteFailure(error.description, at: ring.now) }
            context.log.debug(
                "upstream server not reachable",
                ["session": record.id.description, "server": server.address.description, "error": error.description])
            return false
        }
    }

    /// Counts a failure of the server where it is its own. What may be its answer to the client is none, for no client
    /// must be able to have a server ejected: that is everything which follows a command of the client, but silence and
    /// broken TLS, and with a PROXY header to tell of the client all that the server closes or refuses.
    func blameServer(for end: SessionEnd) {
        guard let server, end.endedBy == .upstream else { return }
        let isServersFault =
            switch end.end {
            case .upstreamTLSNotOffered, .upstreamTLSFailed, .replyTimeout: true
            case .upstreamBadReply: phase == .greeting || phase == .upstreamStartTLS
            case .upstreamTLSRefused: pool.settings.proxyHeader == nil
            case .upstreamRefused, .upstreamClosed, .upstreamReset:
                pool.settings.proxyHeader == nil && (phase == .connect || phase == .greeting)
            default: false
            }
        guard isServersFault else { return }
        server.tally.countFailure()
        server.noteFailure(end.end.rawValue, at: ring.now)
    }

    /// Lets go of the upstream, and of its place with the server.
    func dropUpstream() async {
        await closeForAnother()
        leaveServer()
    }

    /// Closes the connection to the upstream, which another one follows.
    func closeForAnother() async {
        guard let upstream = upstream.take() else { return }
        await upstream.close()
        record.upstreamTLS = nil
        context.counters.add(.upstreamRxBytes, upstream.bytesReceived)
        context.counters.add(.upstreamTxBytes, upstream.bytesSent)
    }

    /// Closes the connection to the upstream, whose counts are still wanted, and makes room for another.
    func closeUpstream() async {
        await upstream?.close()
        leaveServer()
    }

    func leaveServer() {
        if let server = server.take() { pool.giveBack(server) }
    }
}
