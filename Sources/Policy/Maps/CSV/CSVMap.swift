public import Lookup

/// A map in a file of routes.
public final class CSVMap: Map {
    public let name: String
    private let store: CSVStore

    public init(_ name: String, _ store: CSVStore) {
        self.name = name
        self.store = store
    }

    public var answersAtOnce: Bool { true }
    public var reach: MapReach { store.current?.reach ?? .nothing }

    public func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer {
        guard let table = store.current else { return .failed }
        return table.entry(of: key).map { .found($0) } ?? .missing
    }
}
