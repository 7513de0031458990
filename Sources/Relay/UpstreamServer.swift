import Lookup
import Ring
import TLS
import Telemetry
import Wire

/// One server of an upstream, as one shard sees it: whether it is up, where its name leads, what TLS can take up again.
final class UpstreamServer {
    let address: ServerAddress
    /// The address as text, made once.
    let name: String
    /// What the shards have in common about it.
    let tally: ServerTally
    /// This shard, to those who share the server's places.
    let party: ServerPlaces.Party
    private let upstream: UpstreamSettings
    private let log: Log
    let names: ServerNames

    private(set) var isUp = true
    private var failuresInARow = 0
    private var successesInARow = 0
    /// Without probes: when a server that is down is tried again.
    private var retryAt = Instant.never
    private var certificateOutcome: TLSVerification.Outcome?
    /// Of the last connection that was given one.
    var tlsSession: TLSSession?
    /// What it lists in its reply to EHLO.
    private var offer: ServerOffer?
    /// The same to clients inside TLS, where the upstream's TLS is as the client's.
    private var mirroredOffer: ServerOffer?

    private let shardNumber: Int
    /// The server is no longer part of the configuration: the sessions that are left have no say in its state.
    private var hasLeft = false

    /// - Parameter told: gets what other shards have to say about the server's places, on any thread.
    init(
        _ address: ServerAddress, _ upstream: UpstreamSettings, _ tally: ServerTally, _ log: Log, _ names: ServerNames,
        shardNumber: Int, told: @escaping @Sendable (ServerPlaces.Notice) -> Void
    ) {
        self.shardNumber = shardNumber
        self.address = address
        name = address.description
        self.upstream = upstream
        self.tally = tally
        party = tally.places.join(told)
        self.log = log
        self.names = names
        tally.raiseUp()
    }

    /// Up, or down for so long that a session may find out.
    func isUsable(at now: Instant) -> Bool {
        isUp || upstream.health.probe == .off && retryAt <= now
    }

    /// A session goes to the server. Where that is down, this one finds out, and no other before the next interval.
    func noteTrial(at now: Instant) {
        if !isUp { retryAt = now + upstream.health.interval }
    }

    /// From one probe to the next. A server that is down, or in doubt, is asked so often that it is up again within one
    /// interval of its return.
    var checkInterval: Duration {
        let health = upstream.health
        return isUp && failuresInARow == 0 ? health.interval : health.interval / (health.rise + 1)
    }

    /// A probe or a session has got what it wanted.
    func noteSuccess() {
        failuresInARow = 0
        guard !isUp, !hasLeft else { return }
        successesInARow += 1
        guard successesInARow >= upstream.health.rise || upstream.health.probe == .off else { return }
        isUp = true
        tally.raiseUp()
        log.info("upstream server is up again", fields(), event: .serverUp)
    }

    /// A probe or a session has not.
    func noteFailure(_ reason: String, at now: Instant) {
        guard !hasLeft else { return }
        successesInARow = 0
        failuresInARow += 1
        retryAt = now + upstream.health.interval
        guard isUp else { return }
        if failuresInARow == 1 { log.warning("upstream server fails", fields(reason)) }
        guard failuresInARow >= upstream.health.fall else { return }
        isUp = false
        tally.lowerUp()
        tally.countEjection()
        log.warning("upstream server is down", fields(reason), event: .serverDown)
    }

    /// - Parameter problem: what a health check has found wrong; nil: nothing.
    func logCheck(_ problem: String?) {
        if let problem {
            log.debug("health check failed", fields(problem))
        } else {
            log.debug("health check passed", fields())
        }
    }

    // MARK: What it offers

    /// A probe that wants to know nothing else has been answered, or has not.
    func noteAnswer(_ isThere: Bool) { failuresInARow = isThere ? 0 : 1 }

    /// A probe or a session has been told, at the end of the introduction, as a session is: inside TLS where the
    /// upstream's policy asks for it.
    ///
    /// - Parameter isClientSecure: the client for whom it was asked is inside TLS. Of meaning where TLS is mirrored.
    func note(_ offer: ServerOffer, isClientSecure: Bool) {
        if upstream.tls == .mirror, isClientSecure { mirroredOffer = offer } else { self.offer = offer }
    }

    /// What a session of such a client may expect of it; nil where nobody knows yet.
    func offer(isClientSecure: Bool) -> ServerOffer? {
        upstream.tls == .mirror && isClientSecure ? mirroredOffer : offer
    }

    /// It has been tried since it last did well, and has failed.
    var isInDoubt: Bool { failuresInARow > 0 }

    /// True where a certificate is worth another thing than the one before.
    func noteCertificate(_ verification: TLSVerification) -> Bool {
        defer { certificateOutcome = verification.outcome }
        return verification.outcome != certificateOutcome
    }

    /// The server is no longer part of the configuration.
    func leave() {
        guard !hasLeft else { return }
        hasLeft = true
        if isUp { tally.lowerUp() }
    }

    /// Until then its sessions wait for places as others do, and make room as others do.
    deinit { tally.places.leave(party) }

    // MARK: Connections that nobody uses

    func raiseIdle() {
        tally.raiseIdle()
        party.raiseIdle()
    }

    func lowerIdle() {
        tally.lowerIdle()
        party.lowerIdle()
    }

    private func fields(_ reason: String = "") -> KeyValuePairs<String, String> {
        [
            "upstream": upstream.name, "server": name, "shard": "\(shardNumber)", "reason": reason,
        ]
    }

    /// What is sent as the server's name (SNI) and looked for in its certificate.
    var tlsName: String? {
        if let name = upstream.tlsServerName { return name }
        switch address {
        case .host(let name, port: _): return name
        case .socket(let address): return address.isUnix ? nil : address.host
        }
    }
}
