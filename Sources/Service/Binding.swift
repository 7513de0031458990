import Glibc
import Ring

/// An address that a listener listens on.
struct ListenPlace: Sendable, Hashable {
    /// The listener's name.
    let listener: String
    let address: SocketAddress
    /// An IPv6 socket takes no IPv4.
    var ipv6Only = false

    /// The same sockets do for it.
    func fits(_ other: ListenPlace) -> Bool {
        address == other.address && ipv6Only == other.ipv6Only
    }
}

/// The listening sockets of one address: one a shard, so that the kernel spreads the connections, or one for all of
/// them, or as many as another process with more or fewer shards has left.
struct Binding: Sendable {
    let place: ListenPlace
    /// In the order of the shards; where `isShared`, one or any number.
    let sockets: [ListeningSocket]
    /// More than one shard may accept from a socket, so connections are shared out.
    let isShared: Bool
    /// Bound by someone else, and theirs to close.
    let isHandedIn: Bool

    /// How long addresses that are in use are tried again: a process that used io_uring keeps its sockets for a moment
    /// after its end.
    static let patience = Duration.seconds(1)
    private static let pauseMicroseconds: UInt32 = 20_000

    /// Binds. Blocks until `deadline` where the address is in use; it is tried once at least.
    ///
    /// - Parameter besides: what is bound already and may be in the way of a check that nobody else has the address: of
    ///   `0.0.0.0:25`, while `127.0.0.1:25` is to be given up for it.
    init(
        _ place: ListenPlace, shards: Int, besides own: [Binding], until deadline: Instant
    ) throws(ListeningSocket.Failure) {
        while true {
            do throws(ListeningSocket.Failure) {
                sockets = try Self.attempt(place, shards: shards, besides: own)
                self.place = place
                isShared = place.address.isUnix
                isHandedIn = false
                return
            } catch {
                guard error.isAddressInUse, Instant.current() < deadline else { throw error }
                usleep(Self.pauseMicroseconds)
            }
        }
    }

    /// Takes over a socket that someone else has bound.
    init(handedIn socket: ListeningSocket, to listener: String) {
        place = ListenPlace(listener: listener, address: socket.address)
        sockets = [socket]
        isShared = true
        isHandedIn = true
    }

    /// Takes over the sockets of the process whose place this one takes.
    init(inherited sockets: [ListeningSocket], of place: ListenPlace, shards: Int) {
        self.place = place
        self.sockets = sockets
        // None is left alone: its connections would wait for ever.
        isShared = place.address.isUnix || sockets.count != shards
        isHandedIn = false
    }

    private init(_ binding: Binding, _ place: ListenPlace) {
        self.place = place
        sockets = binding.sockets
        isShared = binding.isShared
        isHandedIn = binding.isHandedIn
    }

    /// The same sockets for another listener.
    func moved(to place: ListenPlace) -> Binding {
        Binding(self, place)
    }

    /// The sockets that this shard accepts from, of so many shards. Every socket has a shard, and every shard a socket.
    func sockets(of shard: Int, of shards: Int) -> [ListeningSocket] {
        guard isShared else { return [sockets[shard]] }
        guard shards < sockets.count else { return [sockets[shard % sockets.count]] }
        return stride(from: shard, to: sockets.count, by: shards).map { sockets[$0] }
    }

    /// The address, with the port that the system chose.
    var address: SocketAddress { sockets[0].address }

    /// The file of its Unix socket is gone, or another's.
    var hasLostFile: Bool { sockets.contains { $0.hasLostFile } }

    func close() {
        for socket in sockets { socket.close() }
    }

    /// Nobody else finds it, if it is a Unix socket with a file.
    func removeFile() {
        for socket in sockets { socket.removeFile() }
    }

    /// True where a connection to one of the addresses could come to the other.
    private func overlaps(_ other: SocketAddress) -> Bool {
        let isWildcard = [address, other].contains { $0.octets.allSatisfy { $0 == 0 } }
        return !address.isUnix && address.port == other.port && (isWildcard || address.octets == other.octets)
    }

    private static func attempt(
        _ place: ListenPlace, shards: Int, besides own: [Binding]
    ) throws(ListeningSocket.Failure) -> [ListeningSocket] {
        let address = place.address
        guard !address.isUnix else { return [try ListeningSocket.bind(address, sharesPort: false)] }
        // Sockets that share their port would also share it with another process of ours, unnoticed. They share it even
        // where there is one shard, so that a reload can bind what overlaps with an address that it gives up.
        if !own.contains(where: { $0.overlaps(address) }) {
            try ListeningSocket.checkFree(address, ipv6Only: place.ipv6Only)
        }
        let first = try ListeningSocket.bind(address, sharesPort: true, ipv6Only: place.ipv6Only)
        var sockets = [first]
        while sockets.count < shards {
            do throws(ListeningSocket.Failure) {
                sockets.append(try ListeningSocket.bind(first.address, sharesPort: true, ipv6Only: place.ipv6Only))
            } catch {
                for socket in sockets { socket.close() }
                throw error
            }
        }
        return sockets
    }
}

/// What is listened on.
struct Bindings: Sendable {
    private(set) var all: [Binding] = []

    init() {}

    /// What another process has left; nobody accepts from it yet.
    init(inherited: [Binding]) {
        all = inherited
    }

    private init(all: [Binding]) {
        self.all = all
    }

    /// What a change of the places to listen on makes of it. Nothing has been closed by then.
    struct Change {
        let next: Bindings
        let added: [Binding]
        let removed: [Binding]

        /// Those of `added` whose file somebody had removed or replaced.
        var renewed: [Binding] {
            added.filter { one in removed.contains { !$0.isHandedIn && $0.place.fits(one.place) } }
        }

        /// Closes what was bound for the change.
        func giveUp() {
            for binding in added { binding.close() }
        }
    }

    /// Why places cannot be listened on, one line each.
    struct Failure: Error {
        let reasons: [String]
        /// The system's error number for the first.
        let errno: Int32
    }

    /// All stays as it is.
    var unchanged: Change { Change(next: self, added: [], removed: []) }

    /// Keeps the sockets of every place that stays, for whichever listener, and binds the others, and those whose file
    /// has been lost. Blocks for up to a second, however many addresses are in use.
    ///
    /// - Throws: all that cannot be bound; then nothing is.
    func change(
        to places: [ListenPlace], handedIn: [Binding], shards: Int
    ) throws(Failure) -> Change {
        let own = all.filter { !$0.isHandedIn }
        let lost = own.filter(\.hasLostFile)
        var free = own.filter { one in !lost.contains { $0.sockets == one.sockets } }
        var kept: [Int: Binding] = [:]
        // Two places of one kind (with a port of the system's choice) stay with their listeners first.
        for sameListener in [true, false] {
            for (index, place) in places.enumerated() where kept[index] == nil {
                let found = free.firstIndex {
                    $0.place.fits(place) && (!sameListener || $0.place.listener == place.listener)
                }
                if let found { kept[index] = free.remove(at: found).moved(to: place) }
            }
        }
        let deadline = Instant.current() + Binding.patience
        var added: [Binding] = []
        var next: [Binding] = []
        var reasons: [String] = []
        var errno: Int32?
        for (index, place) in places.enumerated() {
            if let binding = kept[index] {
                next.append(binding)
                continue
            }
            do throws(ListeningSocket.Failure) {
                let binding = try Binding(place, shards: shards, besides: all, until: deadline)
                added.append(binding)
                next.append(binding)
            } catch {
                errno = errno ?? error.errno
                reasons.append("listener \(place.listener): cannot listen on \(error.description)")
            }
        }
        guard reasons.isEmpty else {
            for binding in added { binding.close() }
            throw Failure(reasons: reasons, errno: errno ?? 0)
        }
        let handedInBefore = all.filter(\.isHandedIn)
        let gone = handedInBefore.filter { before in !handedIn.contains { $0.sockets == before.sockets } }
        return Change(next: Bindings(all: next + handedIn), added: added, removed: lost + free + gone)
    }
}
