import CMariaDB
import Wire

/// Asks a server of MariaDB, or of MySQL.
struct MariaDBDriver: SQLDriver {
    let server: SQLServer
    let question: String

    func open(within patience: Duration) throws(SQLFailure) -> any SQLConnection {
        var reason = [CChar](repeating: 0, count: Int(CMARIADB_REASON_BYTES))
        let handle = server.withTexts { texts in
            var source = cmariadb_source()
            source.host = texts.host
            source.port = texts.port
            source.socket = texts.socket
            source.user = texts.user
            source.password = texts.password
            source.database = texts.database
            source.tls_ca = texts.tlsCA
            source.timeout_seconds = patience.wholeSecondsForC
            return cmariadb_open(&source, question, &reason)
        }
        guard let handle else { throw SQLFailure(reasonBytes: CMARIADB_REASON_BYTES, reason) }
        return Connection(handle)
    }

    private final class Connection: SQLConnection {
        private let handle: OpaquePointer

        init(_ handle: OpaquePointer) { self.handle = handle }

        func close() { cmariadb_close(handle) }

        /// No longer than the patience that it was opened with: the library takes no other.
        func ask(about key: [UInt8], within patience: Duration) -> SQLOutcome {
            var reason = [CChar](repeating: 0, count: Int(CMARIADB_REASON_BYTES))
            let (outcome, row) = SQLColumns.filled { context in
                cmariadb_ask(handle, key, key.count, { SQLColumns.add($0, $1, $2) }, context, &reason)
            }
            switch outcome {
            case .row: return .row(row)
            case .none: return .none
            case .failed: return .failed(SQLFailure(reasonBytes: CMARIADB_REASON_BYTES, reason))
            case .lost: return .lost(SQLFailure(reasonBytes: CMARIADB_REASON_BYTES, reason))
            }
        }
    }
}
