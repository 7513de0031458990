import Ring
import Telemetry
import Wire

// What the upstream answers, while the client waits; and what either side is told.
extension Session {
    /// What is expected of the client while the upstream is to answer.
    enum Watch {
        /// That it is silent and stays.
        case silentClient
        /// That it stays; it may speak, and is heard later.
        case waitingClient
        case nobody
    }

    /// The upstream's next reply.
    ///
    /// - Parameter isLast: bytes behind it make it a bad one.
    func nextReply(within limit: Duration, isLast: Bool = true) async throws(SessionEnd) -> Reply {
        guard let upstream else { preconditionFailure("a reply is awaited of nobody") }
        upstream.deadline = ring.now + limit
        client.deadline = .never
        return try await reply(of: upstream, isLast: isLast, watching: watch) { _ in true }
    }

    /// - Parameter isWorthwhile: whether a line of which these bytes have come is worth waiting for.
    func reply(
        of upstream: Stream, isLast: Bool = true, watching watch: Watch, while isWorthwhile: (Span<UInt8>) -> Bool
    ) async throws(SessionEnd) -> Reply {
        var framer = LineFramer(limitBytes: Reply.lineLimitBytes)
        var assembler = ReplyAssembler()
        while true {
            try look(at: watch)
            switch upstream.withInput({ framer.next(in: $0) }) {
            case .line(let length):
                guard let reply = try takeLine(length, of: upstream, &assembler) else { continue }
                guard !isLast || upstream.buffered == 0 else { throw .upstreamBadReply }
                return reply
            case .tooLong:
                throw .upstreamBadReply
            case .incomplete:
                guard upstream.withInput(isWorthwhile) else { throw .upstreamBadReply }
                try await wait(for: upstream, watching: watch)
            }
        }
    }

    private func takeLine(
        _ length: Int, of upstream: Stream, _ assembler: inout ReplyAssembler
    ) throws(SessionEnd) -> Reply? {
        do throws(ReplyError) {
            let reply = try upstream.withInput { (bytes) throws(ReplyError) in
                try assembler.add(bytes.extracting(first: length))
            }
            upstream.dropInput(length)
            if let reply { transcribe(with: .upstream, .server, reply.bytes) }
            return reply
        } catch {
            transcribe(with: .upstream, .server, upstream.takeInput(length))
            throw .upstreamBadReply
        }
    }

    private func wait(for upstream: Stream, watching watch: Watch) async throws(SessionEnd) {
        if isDraining { throw .drained }
        do throws(StreamError) {
            // A client that has spoken is heard when its turn comes; until then nothing more is read of it.
            try await upstream.waitForInput(orOf: watch == .nobody || client.hasInput ? nil : client)
        } catch {
            switch error {
            case .interrupted: return
            case .timedOut: throw .replyTimeout
            default: throw upstreamFailed(upstream)
            }
        }
    }

    func look(at watch: Watch) throws(SessionEnd) {
        guard watch != .nobody, client.hasInput else { return }
        if client.buffered > 0 {
            guard watch == .silentClient else { return }
            if phase == .connect || phase == .greeting { context.counters.add(.earlyDataReceivedCountTotal) }
            throw .clientDesync
        } else {
            throw .clientFailed(client.inputEnd ?? .ended)
        }
    }

    // MARK: Speaking

    /// Sends bytes to the client: a reply. It has as long to take them as it has for a command.
    func tellClient(_ bytes: [UInt8]) async throws(SessionEnd) {
        client.deadline = ring.now + commandTimeout
        transcribe(with: .client, .server, bytes)
        do throws(StreamError) { try await client.write(bytes) } catch {
            throw error == .timedOut ? .commandTimeout : .clientFailed(error)
        }
        noteReply()
    }

    /// Sends bytes to the upstream: a command of the client.
    func tellUpstream(_ bytes: [UInt8]) async throws(SessionEnd) {
        guard let upstream else { preconditionFailure("a command is sent to nobody") }
        upstream.deadline = ring.now + settings.timeouts.reply
        transcribe(with: .upstream, .client, bytes)
        do throws(StreamError) { try await upstream.write(bytes) } catch {
            throw error == .timedOut ? .replyTimeout : .upstreamReset
        }
    }
}

extension SessionEnd {
    static func clientFailed(_ error: StreamError) -> SessionEnd {
        error == .ended ? .clientClosed : .clientReset
    }

    static func upstreamFailed(_ upstream: Stream) -> SessionEnd {
        upstream.inputEnd == .ended ? .upstreamClosed : .upstreamReset
    }
}
