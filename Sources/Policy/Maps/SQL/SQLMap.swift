public import Lookup
public import Ring
public import Telemetry

/// Asks a database of SQL where a key leads to: the first row counts, its first column is the server, and its second,
/// where there is one, whether the server's certificate must be valid.
public final class SQLMap: Map {
    public let name: String
    private let pool: SQLPool
    private let ring: Ring
    private let log: Log
    private var warning: MapWarning

    /// - Parameter pool: of the process, asking this map's question.
    public init(_ name: String, _ pool: SQLPool, on ring: Ring, _ log: Log) {
        self.name = name
        self.pool = pool
        self.ring = ring
        self.log = log
        warning = MapWarning(name)
    }

    public func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer {
        // No database has it as text, and some fail with it.
        guard !key.text.contains(0), String(validating: key.text, as: UTF8.self) != nil else { return .missing }
        do throws(SQLFailure) {
            guard let row = try await pool.row(about: key.text, on: ring, cancellation) else { return .missing }
            let verifies = row.count > 1 ? row[1] : nil
            if let answer = MapColumns.answer(server: row.first ?? nil, verifiesTLS: verifies) { return answer }
            let reason = "its server is too long, or its second column no yes and no no"
            warning.note("a map's answer is of no use", reason, to: log, at: ring.now)
        } catch {
            if !cancellation.isCancelled { warning.note("a map does not answer", "\(error)", to: log, at: ring.now) }
        }
        return .failed
    }
}
