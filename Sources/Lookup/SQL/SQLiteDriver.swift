import CSqlite
import Wire

/// Asks a file of SQLite.
struct SQLiteDriver: SQLDriver {
    let path: String
    let question: String

    func open(within patience: Duration) throws(SQLFailure) -> any SQLConnection {
        var reason = [CChar](repeating: 0, count: Int(CSQLITE_REASON_BYTES))
        guard let handle = csqlite_open(path, question, &reason) else {
            throw SQLFailure(reasonBytes: CSQLITE_REASON_BYTES, reason)
        }
        return Connection(handle)
    }

    private final class Connection: SQLConnection {
        private let handle: OpaquePointer

        init(_ handle: OpaquePointer) { self.handle = handle }

        func close() { csqlite_close(handle) }

        func ask(about key: [UInt8], within patience: Duration) -> SQLOutcome {
            var reason = [CChar](repeating: 0, count: Int(CSQLITE_REASON_BYTES))
            let (outcome, row) = SQLColumns.filled { context in
                csqlite_ask(
                    handle, key, key.count, patience.nanosecondsForC, Int32(sqlColumnsMax),
                    { SQLColumns.add($0, $1, $2) }, context, &reason)
            }
            switch outcome {
            case .row: return .row(row)
            case .none: return .none
            case .failed: return .failed(SQLFailure(reasonBytes: CSQLITE_REASON_BYTES, reason))
            case .lost: return .lost(SQLFailure(reasonBytes: CSQLITE_REASON_BYTES, reason))
            }
        }
    }
}
