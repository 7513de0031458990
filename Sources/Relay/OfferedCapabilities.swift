import Policy
import Ring
import TLS
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
        for pool in reachable ?? [] { pool.askForOffers() }
    }

    /// The upstreams that mail can come to; nil where nobody knows.
    private var reachable: [UpstreamPool]? {
        guard let router = policies.router else { return [pool] }
        guard let names = router.upstreams else { return nil }
        let pools = names.compactMap { $0 == pool.settings.name ? pool : policies.upstreams($0) }
        for pool in pools { pool.askForOffers() }
        return pools.isEmpty || pools.count < names.count ? nil : pools
    }

    /// Until when it is worth waiting for what is being found out; nil: not at all.
    func waitEnd(isClientSecure: Bool, at now: Instant) -> Instant? {
        let end = patienceEnd ?? now + Self.patience
        guard now < end, let reachable else { return nil }
        guard reachable.contains(where: { $0.isFindingOut(isClientSecure: isClientSecure) }) else { return nil }
        patienceEnd = end
        return end
    }

    /// The lines of the reply to EHLO, but the first, STARTTLS and AUTH.
    func lines(isClientSecure: Bool) -> [String] {
        let pools = reachable
        let common = pools.flatMap { self.common($0, isClientSecure: isClientSecure) }
        var lines: [(Capability, text: String)] = [
            (.pipelining, ""), (.size, size(common)), (.enhancedStatusCodes, ""),
            // Chunks can be turned into DATA.
            (.chunking, ""),
        ]
        if let common {
            var passedOn: [Capability] = [.eightBitMIME, .dsn]
            if common.offers(.eightBitMIME) { passedOn.append(.smtpUTF8) }
            if common.offers(.chunking) { passedOn.append(.binaryMIME) }
            if isClientSecure, pools?.allSatisfy(\.verifiesTLS) == true { passedOn.append(.requireTLS) }
            lines += passedOn.filter { common.offers($0) }.map { ($0, "") }
        }
        let limits = limits(pools, common)
        if !limits.isEmpty { lines.append((.limits, limits)) }
        return lines.filter { !hidden.contains($0.0) }.map { $0.text.isEmpty ? "\($0.0)" : "\($0.0) \($0.text)" }
    }

    private func common(_ pools: [UpstreamPool], isClientSecure: Bool) -> ServerOffer? {
        guard policies.router?.namesServers != true else { return nil }
        var common: ServerOffer?
        for pool in pools {
            guard let offer = pool.offer(isClientSecure: isClientSecure) else { return nil }
            common = common?.intersection(offer) ?? offer
        }
        return common
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

extension UpstreamPool {
    /// Mail goes to its servers within TLS only, and only to those that can prove who they are.
    fileprivate var verifiesTLS: Bool {
        guard let configuration = settings.tlsClient, configuration.isEnforced else { return false }
        guard configuration.authorities != .none || !configuration.pins.isEmpty else { return false }
        switch settings.tls {
        case .required, .implicit, .mirror: return true
        case .off, .opportunistic: return false
        }
    }
}
