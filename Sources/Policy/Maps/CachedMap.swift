public import Lookup
public import Ring
public import Telemetry

/// A map that remembers, on one shard, what another one has said.
///
/// Those who want the same key at the same time ask once. While the other cannot say, what it said before is gone on
/// with for a while longer; that there was no such key is not: a mailbox that is new must not be refused for it.
public final class CachedMap: Map {
    /// How long, and how much.
    public struct Rules: Sendable, Hashable {
        /// For what a key leads to; zero: it is asked for each time.
        public var timeToLive: Duration
        /// For that there is no such key.
        public var missesTimeToLive: Duration
        /// Beyond its time, while there is no answer.
        public var staleTime: Duration
        /// Keys that are remembered; the least used go.
        public var entriesMax: Int

        public init(
            timeToLive: Duration, missesTimeToLive: Duration = .zero, staleTime: Duration = .zero,
            entriesMax: Int = 10_000
        ) {
            self.timeToLive = timeToLive
            self.missesTimeToLive = missesTimeToLive
            self.staleTime = staleTime
            self.entriesMax = entriesMax
        }
    }

    private let map: any Map
    private let rules: Rules
    private let ring: Ring
    private let tally: MapTally
    private var memory: MapMemory
    private var searches: [MapKey: Search] = [:]

    /// From an answer that did not come to the next attempt, where there is one to go on with: who asks does not wait
    /// each time.
    static let pauseAfterFailure = Duration.seconds(5)

    /// A question that is on its way, for those who want to know the same.
    private final class Search {
        var waiting: [Alarm] = []
        /// Nil where it has been taken back.
        var answer: MapAnswer?
        /// The answer is one of before.
        var isStale = false
    }

    /// - Parameter tally: this shard's, of this map; what comes from memory is counted there.
    public init(_ map: any Map, _ rules: Rules, on ring: Ring, in tally: MapTally = MapTally()) {
        precondition(rules.entriesMax > 0)
        self.map = map
        self.rules = rules
        self.ring = ring
        self.tally = tally
        memory = MapMemory(entriesMax: rules.entriesMax)
    }

    public var name: String { map.name }

    public func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer {
        while !cancellation.isCancelled {
            if let known = memory[key], known.freshUntil > ring.now {
                tally.count(known.isStale ? .stale : .fresh)
                return known.answer
            }
            guard let search = searches[key] else { return await ask(about: key, cancellation) }
            let alarm = Alarm()
            search.waiting.append(alarm)
            await cancellation.whileWatched({ alarm.turnOff() }) { await alarm.sleep(on: ring, until: .never) }
            if let answer = search.answer {
                if search.isStale { tally.count(.stale) }
                return answer
            }
        }
        return .failed
    }

    private func ask(about key: MapKey, _ cancellation: Cancellation) async -> MapAnswer {
        let search = Search()
        searches[key] = search
        let answer = await map.look(up: key, cancellation: cancellation)
        searches[key] = nil
        // Where it was taken back, whoever still wants to know asks on its own.
        let isTakenBack = answer == .failed && cancellation.isCancelled
        if !isTakenBack { remember(key, answer, for: search) }
        for alarm in search.waiting { alarm.turnOff() }
        if search.isStale { tally.count(.stale) }
        return search.answer ?? .failed
    }

    /// Tells who searches what is said of the key, now that the other map has said this.
    private func remember(_ key: MapKey, _ answer: MapAnswer, for search: Search) {
        search.answer = answer
        let now = ring.now
        switch answer {
        case .found:
            let freshUntil = now + rules.timeToLive
            memory.keep(MapMemory.Entry(answer, freshUntil, freshUntil + rules.staleTime), for: key, at: now)
        case .missing:
            let freshUntil = now + rules.missesTimeToLive
            memory.keep(MapMemory.Entry(answer, freshUntil, freshUntil), for: key, at: now)
        case .failed:
            guard var known = memory[key], case .found = known.answer, known.staleUntil > now else { break }
            known.freshUntil = min(now + Self.pauseAfterFailure, known.staleUntil)
            known.isStale = true
            memory.keep(known, for: key, at: now)
            (search.answer, search.isStale) = (known.answer, true)
        }
    }
}
