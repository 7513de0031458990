import Ring
import Synchronization

/// Which shards have sessions that wait for a connection to one server, and which keep connections to it that no
/// session uses: one value that all shards share.
///
/// It decides nothing: whoever takes a place first has it (`ServerTally.tryTake`). It says whom a free place, or the
/// want of one, is worth telling. Every method may be called from any thread.
public final class ServerPlaces: Sendable {
    /// What one shard tells another.
    public enum Notice: Sendable {
        /// There is a place, for which some session of the shard waits.
        case isFree
        /// Some session of another shard waits for a place, and a connection that nobody uses has one.
        case isWanted
    }

    /// One shard's part.
    public final class Party: Sendable {
        fileprivate let waiting = Atomic<Int>(0)
        fileprivate let idle = Atomic<Int>(0)
        /// From any thread; never blocks.
        public let tell: @Sendable (Notice) -> Void

        fileprivate init(_ tell: @escaping @Sendable (Notice) -> Void) { self.tell = tell }

        /// A connection is kept that no session uses.
        public func raiseIdle() { idle.add(1, ordering: .sequentiallyConsistent) }
        public func lowerIdle() { idle.subtract(1, ordering: .sequentiallyConsistent) }
    }

    private struct Round {
        var parties: [Party] = []
        /// Whoever was found last. The next search ends with it.
        var turn = 0
    }

    private let round = Locked(Round())
    private let waiting = Atomic<Int>(0)
    private let isCalledFor = Atomic<Bool>(false)

    init() {}

    /// - Parameter tell: gets what this shard is told; never from inside another method of this value.
    public func join(_ tell: @escaping @Sendable (Notice) -> Void) -> Party {
        let party = Party(tell)
        round.withLock { $0.parties.append(party) }
        return party
    }

    /// It is not told of anything any more. Its counts go on.
    public func leave(_ party: Party) {
        round.withLock { round in round.parties.removeAll { $0 === party } }
    }

    /// One more session of the shard waits. Whoever looks for a place behind that misses none: either it is there, or
    /// the one who gives it back sees that somebody waits.
    public func raiseWaiting(_ party: Party) {
        party.waiting.add(1, ordering: .sequentiallyConsistent)
        waiting.add(1, ordering: .sequentiallyConsistent)
    }

    public func lowerWaiting(_ party: Party) {
        waiting.subtract(1, ordering: .sequentiallyConsistent)
        party.waiting.subtract(1, ordering: .sequentiallyConsistent)
    }

    /// Whether a session of any shard waits.
    public var isWanted: Bool { waiting.load(ordering: .sequentiallyConsistent) > 0 }

    /// A shard with sessions that wait, each of them in turn; nil where there is none.
    public func nextWaiting() -> Party? {
        isWanted ? next { $0.waiting.load(ordering: .sequentiallyConsistent) > 0 } : nil
    }

    /// A shard, but for this one, with connections that nobody uses; nil where there is none.
    public func nextKeeper(but party: Party) -> Party? {
        next { $0 !== party && $0.idle.load(ordering: .sequentiallyConsistent) > 0 }
    }

    /// Some session has waited so long that the next which can do without its connection is to make room, however soon
    /// it needs one again.
    public func callForPlace() { isCalledFor.store(true, ordering: .sequentiallyConsistent) }

    /// Whether that is so. One session answers one call.
    public func takeCall() -> Bool { isCalledFor.exchange(false, ordering: .sequentiallyConsistent) }

    private func next(where isMeant: (Party) -> Bool) -> Party? {
        round.withLock { round in
            for step in 0..<round.parties.count {
                let place = (round.turn + 1 + step) % round.parties.count
                guard isMeant(round.parties[place]) else { continue }
                round.turn = place
                return round.parties[place]
            }
            return nil
        }
    }
}
