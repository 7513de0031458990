import Ring
import Wire

// What a client is offered in the reply to EHLO.
extension EnvelopeSession {
    /// The reply to EHLO: what is configured or, where it is not, what mail can be sure to find behind, then what
    /// Mailrace itself does.
    func ehloReply() async throws(SessionEnd) -> [UInt8] {
        var lines = [settings.hostname] + envelope.capabilities
        if let offered = context.offered {
            try await waitForOffers(offered)
            lines += offered.lines(isClientSecure: isClientSecure)
        }
        extensionsOffered = Set(
            lines.dropFirst().compactMap {
                $0.split(separator: " " as Character).first.flatMap { Capability(String($0)) }
            })
        if maySayXCLIENT { lines.append("XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT") }
        if settings.starttls != .off, !isClientSecure { lines.append("STARTTLS") }
        let mechanisms = offeredMechanisms.map(\.rawValue)
        if !mechanisms.isEmpty { lines.append("AUTH " + mechanisms.joined(separator: " ")) }
        let last = lines.removeLast()
        return Array((lines.map { "250-\($0)\r\n" }.joined() + "250 \(last)\r\n").utf8)
    }

    /// The first clients wait a moment for what the upstreams offer: a client that is not offered something may hold
    /// on to that for days.
    @inline(never)
    private func waitForOffers(_ offered: OfferedCapabilities) async throws(SessionEnd) {
        // Where the servers of a map change on and on there is always something to be found out.
        let patienceEnd = ring.now + OfferedCapabilities.patience
        while ring.now < patienceEnd, let end = offered.waitEnd(isClientSecure: isClientSecure, at: ring.now) {
            try await sendReplies()
            let pause = Alarm()
            self.pause = pause
            await pause.sleep(on: ring, until: min(end, patienceEnd, ring.now + OfferedCapabilities.pause))
            self.pause = nil
            if isDraining { throw .drained }
            try look(at: .waitingClient)
        }
    }
}
