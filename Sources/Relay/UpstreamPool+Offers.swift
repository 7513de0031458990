import Lookup
import Policy
import TLS
import Telemetry
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
        guard !probes.isEmpty, learnsByProbes else { return false }
        return servers.contains { !$0.isInDoubt && $0.offer(isClientSecure: isClientSecure) == nil }
    }

    var learnsByProbes: Bool { settings.health.probe == .ehlo }

    // MARK: Servers that maps name

    /// From now on what the server offers is worth knowing, too. It is probed as the pool's own are; where EHLO is no
    /// part of that, sessions alone find out.
    ///
    /// - Parameters:
    ///   - reason: for whom; one that is there already is replaced.
    ///   - isNamed: looked at before each probe.
    func watch(
        _ place: MapServer, for reason: ServerWatch.Reason, while isNamed: @escaping () -> Bool
    ) -> NamedServer {
        func named(_ place: MapServer, _ server: UpstreamServer?, _ watch: ServerWatch? = nil) -> NamedServer {
            NamedServer(destination: reason.destination, pool: self, place: place, server: server, watch: watch)
        }
        let verifies = meant(by: place.verifiesTLS)
        if verifies == nil, let own = servers.first(where: { $0.address == place.address }) {
            askForOffers()
            return named(place, own)
        }
        guard learnsByProbes, !isStopping else {
            askForOffers()
            return named(place, nil)
        }
        let place = MapServer(place.address, verifiesTLS: verifies)
        let known = watches[place]?.watch
        let watch = known ?? newWatch(of: place)
        watch.add(reason, while: isNamed)
        if known == nil, isProbing { watches[place]?.probe.start() }
        return named(place, watch.server, watch)
    }

    private func newWatch(of place: MapServer) -> ServerWatch {
        let tally = ServerTally(upstream: settings.name, server: place.address.description)
        let server = UpstreamServer(
            place.address, settings, tally, log, ServerNames(place.address, resolver, log), shardNumber: shardNumber
        ) { _ in }
        let watch = ServerWatch(of: server)
        let probe = HealthProbe(of: server, in: self, verifying: place.verifiesTLS, for: watch)
        watches[place] = (watch, probe)
        return watch
    }

    /// Nobody asks for it any more, and it is not probed.
    func forget(_ watch: ServerWatch) {
        watches = watches.filter { $0.value.watch !== watch }
    }

    /// Nil where it makes no difference to what the settings say.
    private func meant(by verifies: Bool?) -> Bool? {
        guard let configuration = settings.tlsClient, settings.tls != .off else { return nil }
        let isAsSet = verifies == configuration.isEnforced && (verifies == false || configuration.canVerify)
        return isAsSet ? nil : verifies
    }

    /// Mail goes to servers within TLS only, and only to those that can prove who they are.
    ///
    /// - Parameter verifies: the server's certificate must be valid, or need not be; nil: as the settings say.
    func verifiesTLS(_ verifies: Bool? = nil) -> Bool {
        guard let configuration = settings.tlsClient, verifies ?? configuration.isEnforced else { return false }
        guard verifies == true || configuration.canVerify else { return false }
        switch settings.tls {
        case .required, .implicit, .mirror: return true
        case .off, .opportunistic: return false
        }
    }
}
