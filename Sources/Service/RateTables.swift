import Policy
import Ring

/// What the rate limits of the listeners have counted, by the listeners' names: one for all shards, through reloads.
final class RateTables: Sendable {
    private let tables = Locked<[String: RateLimitTable]>([:])

    func table(of listener: String) -> RateLimitTable {
        tables.withLock { tables in
            if let known = tables[listener] { return known }
            let table = RateLimitTable()
            tables[listener] = table
            return table
        }
    }
}
