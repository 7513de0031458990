import Ring
import Telemetry
import Wire

// A message that comes slowly must not hold an upstream for ever, and neither must one that never ends.
extension EnvelopeSession {
    /// Waits until something happens: bytes of the client's message, or a word of the upstream's.
    @inline(never)
    func waitForMessage(orFor upstream: Stream?) async throws(SessionEnd) {
        if isAborted { throw .aborted }
        let start = ring.now
        client.deadline = pace.waitEnd(from: start)
        var failure: StreamError?
        do throws(StreamError) { try await client.waitForInput(orOf: upstream) } catch { failure = error }
        let waited = Duration.nanoseconds(Int64(clamping: ring.now.nanoseconds(since: start)))
        pace.wait(waited)
        if isAborted { throw .aborted }
        switch failure {
        case nil, .interrupted: return
        case .timedOut: throw pace.isSilence(waited) ? .dataTimeout : .tooSlow
        case .some(let error): throw .clientFailed(error)
        }
    }

    /// These bytes of the message have been read.
    func dropOfMessage(_ length: Int) {
        client.dropInput(length)
        progress = min(ring.now, progress + pace.take(bytes: length))
    }
}

extension SessionEnd {
    /// The client does not send the rest of its message.
    static let dataTimeout = SessionEnd(
        .commandTimeout, by: .client, counting: .sessionsCommandTimeout, saying: .own(.dataTimeout))
    /// It does, but by and by.
    static let tooSlow = SessionEnd(
        .tooSlow, by: .client, counting: .sessionsTooSlow, saying: .own(.dataTimeout))
}
