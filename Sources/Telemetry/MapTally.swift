import Synchronization

/// What sessions of one shard ask one map, and what they are told.
///
/// One writer, any number of readers, as with `Counters`. What a map has counted stays for the process's life.
public final class MapTally: Sendable {
    private let cells = InlineArray<8, Atomic<UInt64>> { _ in Atomic(0) }

    public init() {
        precondition(Value.allCases.count <= cells.count)
    }

    /// What is counted. The first three are the answers, wherever they come from; the others are those among them that
    /// come from memory.
    public enum Value: Int, CaseIterable, Sendable {
        case found
        /// There is no such key.
        case missing
        /// The map could not say.
        case failed
        /// From memory, and as good as asked for.
        case fresh
        /// From memory, as the map could not say anything newer.
        case stale
    }

    /// On the shard's thread only.
    public func count(_ value: Value) {
        let cell = value.rawValue
        cells[cell].store(cells[cell].load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    /// The value now. From any thread.
    public subscript(_ value: Value) -> UInt64 { cells[value.rawValue].load(ordering: .relaxed) }
}

extension MapTally {
    /// Values that are shown under one name.
    enum Family: CaseIterable {
        case lookups, cacheAnswers

        var values: [Value] {
            switch self {
            case .lookups: [.found, .missing, .failed]
            case .cacheAnswers: [.fresh, .stale]
            }
        }

        var name: String {
            switch self {
            case .lookups: "map_lookups"
            case .cacheAnswers: "map_cache_answers"
            }
        }

        /// The name of the label that tells the values apart.
        var label: String {
            switch self {
            case .lookups: "outcome"
            case .cacheAnswers: "kind"
            }
        }

        var help: String {
            switch self {
            case .lookups: "Keys that a map was asked for, by outcome."
            case .cacheAnswers: "Keys of which Mailrace itself knew what the map says, by kind."
            }
        }
    }
}

extension MapTally.Value {
    /// The value of the family's label.
    var label: String {
        switch self {
        case .found: "found"
        case .missing: "missing"
        case .failed: "failed"
        case .fresh: "fresh"
        case .stale: "stale"
        }
    }
}
