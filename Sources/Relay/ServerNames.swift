import Lookup
import Ring
import Telemetry

/// The addresses of one server: what is configured, or what its host name leads to, kept for as long as DNS says.
///
/// Sessions that ask at the same time share one lookup. Where a lookup fails and there was an answer before, that is
/// used on (RFC 8767): a resolver's bad minute must not stop the mail.
final class ServerNames {
    private let address: ServerAddress
    private let resolver: Resolver
    private var known: [SocketAddress] = []
    private var freshUntil = Instant(nanoseconds: 0)
    private var answeredAt = Instant(nanoseconds: 0)
    private var isAsking = false
    /// Who joined the lookup in flight.
    private var waiting: [Alarm] = []
    private var lastFailure: ResolutionError?
    private let log: Log

    /// From a failed lookup to the next, where there is an answer to go on with.
    private static let pauseAfterFailure = Duration.seconds(5)
    /// For how long an answer is gone on with, at most.
    private static let staleLimit = Duration.seconds(86_400)

    init(_ address: ServerAddress, _ resolver: Resolver, _ log: Log) {
        self.address = address
        self.resolver = resolver
        self.log = log
        if case .socket(let address) = address {
            known = [address]
            freshUntil = .never
        }
    }

    /// At least one.
    ///
    /// - Throws: where the name has no address and never had one.
    func addresses(on ring: Ring, by deadline: Instant) async throws(DialError) -> [SocketAddress] {
        let now = ring.now
        guard case .host(let name, let port) = address, freshUntil <= now else { return known }
        if isAsking {
            let alarm = Alarm()
            waiting.append(alarm)
            await alarm.sleep(on: ring, until: deadline)
        } else {
            // Who has an answer to go on with waits for a third of the time; the rest is for the connection.
            let patience = known.isEmpty ? deadline : now + .nanoseconds(Int64(deadline.nanoseconds(since: now) / 3))
            await ask(name, port, patience, now)
        }
        guard !known.isEmpty else { throw .unresolved(lastFailure ?? .timedOut) }
        return known
    }

    @inline(never)
    private func ask(_ name: String, _ port: UInt16, _ deadline: Instant, _ now: Instant) async {
        isAsking = true
        do throws(ResolutionError) {
            let answer = try await resolver.addresses(of: name, deadline: deadline)
            let preferred = known.first
            known = answer.addresses.map { SocketAddress(octets: $0, port: port) }
            if let preferred { prefer(preferred) }
            freshUntil = now + answer.timeToLive
            answeredAt = now
            lastFailure = nil
        } catch {
            noteFailure(error, name, now)
        }
        isAsking = false
        let waiting = waiting
        self.waiting = []
        for alarm in waiting { alarm.turnOff() }
    }

    /// Ends the lookups in flight: the process drains.
    func giveUp() { resolver.giveUp() }

    private func noteFailure(_ error: ResolutionError, _ name: String, _ now: Instant) {
        defer { lastFailure = error }
        // That there is no such name is an answer, too; and no answer is good for ever.
        if error == .notFound || error == .noAddress || answeredAt + Self.staleLimit <= now { known = [] }
        guard !known.isEmpty else { return }
        freshUntil = now + Self.pauseAfterFailure
        guard lastFailure == nil else { return }
        log.warning("name not resolved, its last addresses stay in use", ["name": name, "error": "\(error)"])
    }

    /// The address answered: it is tried first from now on.
    func prefer(_ address: SocketAddress) {
        guard let place = known.firstIndex(of: address), place > 0 else { return }
        known.remove(at: place)
        known.insert(address, at: 0)
    }
}
