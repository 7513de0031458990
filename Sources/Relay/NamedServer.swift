import Lookup
import Policy
import Wire

/// A server that a map names, in the eyes of those who want to know what it offers.
struct NamedServer {
    /// As the router has it.
    let destination: Destination
    /// Whose settings hold for it.
    let pool: UpstreamPool
    let place: MapServer
    /// Who knows; nil where that are the sessions that have been there.
    let server: UpstreamServer?
    /// Nil where it is no more probed for this than for other reasons.
    let watch: ServerWatch?

    private var known: UpstreamServer? { server ?? pool.guests[place.address] }

    /// What a session of such a client may expect of it; nil where nobody knows yet.
    func offer(isClientSecure: Bool) -> ServerOffer? { known?.offer(isClientSecure: isClientSecure) }

    /// It has been tried since it last did well, and has failed.
    var isInDoubt: Bool { known?.isInDoubt ?? false }

    /// A probe is about to say what is not known yet.
    func isFindingOut(isClientSecure: Bool) -> Bool {
        server != nil && pool.learnsByProbes && !isInDoubt && offer(isClientSecure: isClientSecure) == nil
    }

    /// Mail goes to it within TLS only, and only where it can prove who it is.
    var verifiesTLS: Bool { pool.verifiesTLS(place.verifiesTLS) }
}

/// Asks a server that maps name what it offers, for as long as one of them names it.
///
/// It stands apart from the sessions that go there: no choice of servers, no connection and no figure depends on it.
final class ServerWatch {
    /// In whose name it is asked.
    struct Reason: Hashable {
        let listener: ObjectIdentifier
        let destination: Destination
    }

    let server: UpstreamServer
    private var reasons: [Reason: () -> Bool] = [:]
    private(set) var isOver = false

    init(of server: UpstreamServer) {
        self.server = server
    }

    /// - Parameter isNamed: a map names it still.
    func add(_ reason: Reason, while isNamed: @escaping () -> Bool) {
        reasons[reason] = isNamed
    }

    /// It goes on. Once it does not, it never will.
    func goesOn() -> Bool {
        guard !isOver else { return false }
        reasons = reasons.filter { $0.value() }
        isOver = reasons.isEmpty
        return !isOver
    }
}
