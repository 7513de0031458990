import CPQ
import Wire

/// Asks a server of PostgreSQL.
struct PostgreSQLDriver: SQLDriver {
    let server: SQLServer
    /// With `$1` where the key goes.
    let question: String

    func open(within patience: Duration) throws(SQLFailure) -> any SQLConnection {
        var reason = [CChar](repeating: 0, count: Int(CPQ_REASON_BYTES))
        let handle = server.withTexts { texts in
            var source = cpq_source()
            source.words = texts.words
            source.host = texts.socket ?? texts.host
            source.port = texts.port == 0 ? Self.standardPort : texts.port
            source.user = texts.user
            source.password = texts.password
            source.database = texts.database
            source.tls_ca = texts.tlsCA
            return cpq_open(&source, question, patience.nanosecondsForC, &reason)
        }
        guard let handle else { throw SQLFailure(reasonBytes: CPQ_REASON_BYTES, reason) }
        return Connection(handle)
    }

    private static let standardPort: UInt16 = 5432

    private final class Connection: SQLConnection {
        private let handle: OpaquePointer

        init(_ handle: OpaquePointer) { self.handle = handle }

        func close() { cpq_close(handle) }

        func ask(about key: [UInt8], within patience: Duration) -> SQLOutcome {
            var reason = [CChar](repeating: 0, count: Int(CPQ_REASON_BYTES))
            let text = key.map { CChar(bitPattern: $0) } + [0]
            let (outcome, row) = SQLColumns.filled { context in
                cpq_ask(
                    handle, text, patience.nanosecondsForC, Int32(sqlColumnsMax), { SQLColumns.add($0, $1, $2) },
                    context, &reason)
            }
            switch outcome {
            case .row: return .row(row)
            case .none: return .none
            case .failed: return .failed(SQLFailure(reasonBytes: CPQ_REASON_BYTES, reason))
            case .lost: return .lost(SQLFailure(reasonBytes: CPQ_REASON_BYTES, reason))
            }
        }
    }
}
