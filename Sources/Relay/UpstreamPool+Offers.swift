import Wire

// What its servers offer to those who send mail to them.
extension UpstreamPool {
    /// From now on what the servers offer is worth knowing, and the first probes are worth hurrying. Where EHLO is no
    /// part of the health checks, sessions alone find out.
    func askForOffers() {
        guard !isAskedForOffers else { return }
        isAskedForOffers = true
        for probe in probes { probe.hurry() }
    }

    /// What all servers have in common; nil while one of them has not said, unless it is known to fail. Those that maps
    /// and authenticators name besides are not among them.
    func offer(isClientSecure: Bool) -> ServerOffer? {
        var common: ServerOffer?
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
        guard !probes.isEmpty, settings.health.probe == .ehlo else { return false }
        return servers.contains { !$0.isInDoubt && $0.offer(isClientSecure: isClientSecure) == nil }
    }
}
