public import Lookup
public import Telemetry

/// A map whose answers are counted. A question that is taken back does not count: nobody has got an answer.
public final class CountedMap: Map {
    private let map: any Map
    private let tally: MapTally

    /// - Parameter tally: this shard's, of this map.
    public init(_ map: any Map, in tally: MapTally) {
        self.map = map
        self.tally = tally
    }

    public var name: String { map.name }
    public var answersAtOnce: Bool { map.answersAtOnce }
    public var reach: MapReach { map.reach }

    public func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer {
        let answer = await map.look(up: key, cancellation: cancellation)
        switch answer {
        case .found: tally.count(.found)
        case .missing: tally.count(.missing)
        case .failed where cancellation.isCancelled: break
        case .failed: tally.count(.failed)
        }
        return answer
    }
}
