import Wire

/// The servers that mail of one listener can come to.
struct Reachable {
    /// All servers of these.
    let pools: [UpstreamPool]
    /// Servers besides that maps name; nil where nobody knows them.
    let servers: [NamedServer]?

    /// The upstreams whose settings hold for any of them.
    let settings: [UpstreamPool]

    /// What all have in common; nil while one of them has not said, unless it is known to fail.
    func offer(isClientSecure: Bool) -> ServerOffer? {
        guard let servers else { return nil }
        var common: ServerOffer?
        for pool in pools {
            guard let offer = pool.offer(isClientSecure: isClientSecure) else { return nil }
            common = common?.intersection(offer) ?? offer
        }
        for server in servers {
            if let offer = server.offer(isClientSecure: isClientSecure) {
                common = common?.intersection(offer) ?? offer
            } else if !server.isInDoubt {
                return nil
            }
        }
        return common
    }

    /// Probes are about to say what is not known yet.
    func isFindingOut(isClientSecure: Bool) -> Bool {
        guard let servers else { return false }
        return pools.contains { $0.isFindingOut(isClientSecure: isClientSecure) }
            || servers.contains { $0.isFindingOut(isClientSecure: isClientSecure) }
    }

    /// Mail goes to them within TLS only, and only to those that can prove who they are.
    var verifiesTLS: Bool {
        pools.allSatisfy { $0.verifiesTLS() } && servers?.allSatisfy(\.verifiesTLS) == true
    }
}
