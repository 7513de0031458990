import Policy
import Ring
import Wire

/// What a listener offers to clients where each transaction goes its own way: what Mailrace itself does, and of what an
/// upstream must do only what every upstream has that mail can come to (RFC 5321 section 4.1.1.1).
///
/// Where that is not known, nothing of it is offered. A server that turns out to lack something all the same is found
/// out when it is connected: those messages are refused.
///
/// One for each listener and shard, between two reloads.
final class OfferedCapabilities {
    private let transactions: TransactionSettings
    private let hidden: Set<Capability>
    private let pool: UpstreamPool
    private let policies: ListenerPolicies
    /// When clients are not made to wait any more for what is being found out.
    private var patienceEnd: Instant?
    /// What the router led to when it was last gone through for servers that are no upstreams.
    private var reach: RouterReach?
    /// Those servers, and the upstreams whose settings hold for them.
    private var named: [NamedServer] = []
    private var settings: [UpstreamPool] = []

    /// For which the first clients wait together.
    static let patience = Duration.seconds(1)
    /// Between two looks.
    static let pause = Duration.milliseconds(20)

    init(
        _ transactions: TransactionSettings, hidden: Set<Capability>, _ pool: UpstreamPool, _ policies: ListenerPolicies
    ) {
        self.transactions = transactions
        self.hidden = hidden
        self.pool = pool
        self.policies = policies
        _ = reachable
    }

    /// What mail can come to; nil where nobody knows.
    private var reachable: Reachable? {
        guard let router = policies.router else {
            pool.askForOffers()
            return Reachable(pools: [pool], servers: [], settings: [pool])
        }
        guard let reach = router.reach else { return nil }
        let pools = pools(named: reach.upstreams)
        for pool in pools { pool.askForOffers() }
        guard pools.count == reach.upstreams.count, !pools.isEmpty || reach.servers?.isEmpty == false else {
            return nil
        }
        let servers = servers(of: reach)
        return Reachable(pools: pools, servers: servers, settings: pools + settings)
    }

    /// Those that are there.
    private func pools(named names: Set<String>) -> [UpstreamPool] {
        names.compactMap { $0 == pool.settings.name ? pool : policies.upstreams($0) }
    }

    // MARK: Servers that maps name

    private func servers(of reach: RouterReach) -> [NamedServer]? {
        let pools = pools(named: reach.settings)
        guard let destinations = reach.servers, pools.count == reach.settings.count else {
            (self.reach, named, settings) = (nil, [], [])
            return nil
        }
        if reach !== self.reach || !pools.elementsEqual(settings, by: ===) {
            (self.reach, settings) = (reach, pools)
            look(for: destinations)
        }
        return named
    }

    /// Has those asked that have not been before.
    private func look(for destinations: Set<Destination>) {
        let former = Dictionary(uniqueKeysWithValues: named.map { ($0.destination, $0) })
        named = []
        for destination in destinations {
            guard let pool = settings.first(where: { $0.settings.name == destination.upstream }),
                let address = destination.server
            else { continue }
            if let known = former[destination], known.pool === pool, known.watch?.isOver != true {
                named.append(known)
                continue
            }
            let reason = ServerWatch.Reason(listener: ObjectIdentifier(self), destination: destination)
            let place = MapServer(address, verifiesTLS: destination.verifiesTLS)
            let server = pool.watch(place, for: reason) { [weak self] in
                self?.policies.router?.reach?.servers?.contains(destination) == true
            }
            named.append(server)
            // Who comes now waits as the first clients did.
            patienceEnd = nil
        }
    }

    // MARK: The reply

    /// Until when it is worth waiting for what is being found out; nil: not at all.
    func waitEnd(isClientSecure: Bool, at now: Instant) -> Instant? {
        guard let reachable else { return nil }
        let end = patienceEnd ?? now + Self.patience
        guard now < end, reachable.isFindingOut(isClientSecure: isClientSecure) else { return nil }
        patienceEnd = end
        return end
    }

    /// The lines of the reply to EHLO, but the first, STARTTLS and AUTH.
    func lines(isClientSecure: Bool) -> [String] {
        let reachable = reachable
        let common = reachable?.offer(isClientSecure: isClientSecure)
        var lines: [(Capability, text: String)] = [
            (.pipelining, ""), (.size, size(common)), (.enhancedStatusCodes, ""),
            // Chunks can be turned into DATA.
            (.chunking, ""),
        ]
        if let common {
            var passedOn: [Capability] = [.eightBitMIME, .dsn]
            if common.offers(.eightBitMIME) { passedOn.append(.smtpUTF8) }
            if common.offers(.chunking) { passedOn.append(.binaryMIME) }
            if isClientSecure, reachable?.verifiesTLS == true { passedOn.append(.requireTLS) }
            lines += passedOn.filter { common.offers($0) }.map { ($0, "") }
        }
        let limits = limits(reachable?.settings, common)
        if !limits.isEmpty { lines.append((.limits, limits)) }
        return lines.filter { !hidden.contains($0.0) }.map { $0.text.isEmpty ? "\($0.0)" : "\($0.0) \($0.text)" }
    }

    /// The largest message, of ours and theirs. Nothing is added to messages on their way.
    private func size(_ common: ServerOffer?) -> String {
        let limits = [transactions.messageBytesMax, common?.messageBytesMax ?? 0].filter { $0 > 0 }
        return limits.min().map { "\($0)" } ?? ""
    }

    /// RFC 9422. Who routes a recipient by its domain splits messages for several; where recipients of one domain go
    /// apart, those that cannot go together are put off all the same.
    private func limits(_ pools: [UpstreamPool]?, _ common: ServerOffer?) -> String {
        var recipients = common?.recipientsMax
        var domains = common?.recipientDomainsMax
        if pools?.allSatisfy({ $0.settings.transferProtocol == .lmtp }) == true { recipients = 1 }
        if let router = policies.router, router.leadsApart, transactions.multiRoute == .putOff { domains = 1 }
        if recipients == 1 { domains = nil }
        let limits = [recipients.map { "RCPTMAX=\($0)" }, domains.map { "RCPTDOMAINMAX=\($0)" }]
        return limits.compactMap(\.self).joined(separator: " ")
    }
}
