import Policy
import Ring
import TLS
import Telemetry
import Wire

// Before the first word: who the client is, whether there is room for it, and TLS where it comes first.
extension Session {
    func arrive() async throws(SessionEnd) {
        if settings.proxyProtocol != nil { try await readProxyHeader() }
        try admit()
        if settings.isImplicitTLS { try await secureClient() }
    }

    /// Reads the PROXY header. Until it is complete nothing is said to anybody: what comes in its place is closed
    /// without a word, for it is not a client that speaks.
    @inline(never)
    private func readProxyHeader() async throws(SessionEnd) {
        phase = .proxyHeader
        client.deadline = ring.now + settings.timeouts.proxyHeader
        while true {
            switch client.withInput({ ProxyHeader.next(in: $0) }) {
            case .header(let header, length: let length):
                client.dropInput(length)
                record.proxy = record.client
                identity.take(header)
                record.client = identity.source.description
                return
            case .malformed(let error):
                context.log.warning(
                    "malformed PROXY header", ["session": record.id.description, "reason": error.description])
                throw .badProxyHeader
            case .incomplete: break
            }
            if isDraining { throw .aborted }
            do throws(StreamError) { try await client.waitForInput() } catch {
                switch error {
                case .interrupted: continue
                case .timedOut: throw .proxyHeaderTimeout
                default: throw .clientFailed(error)
                }
            }
        }
    }

    /// As at the beginning, for the client that a trusted one speaks for: it is counted in that one's place.
    func admitAnew() throws(SessionEnd) {
        if let place = place.take() { context.limits.giveBack(place) }
        if let visit = visit.take() { context.limits.visitors.end(visit) }
        try admit()
    }

    /// Counts the session among those of its address.
    private func admit() throws(SessionEnd) {
        let source = identity.source
        let visitors = context.limits.visitors
        do throws(SessionLimits.RefusalError) {
            place = try context.limits.take(source, ownMax: settings.sessionsPerAddressMax, now: ring.now)
            if !source.isUnix { visit = visitors.begin(AddressKey(source)) }
        } catch {
            visitors.refuse(AddressKey(source))
            // Inside the client's TLS that has not begun there is nobody to tell.
            let isTold = !settings.isImplicitTLS || isClientSecure
            throw error.refusal == .tooMany ? .tooManyOfAddress(isTold: isTold) : .tooOften(isTold: isTold)
        }
    }
}
