/// How one kind of database is asked. What it does blocks: it is for threads that nobody waits for.
package protocol SQLDriver: Sendable {
    /// Connects, and has the server understand the question.
    ///
    /// - Parameter patience: for that.
    func open(within patience: Duration) throws(SQLFailure) -> any SQLConnection
}

/// A connection to a database, on the thread that opened it.
package protocol SQLConnection: AnyObject {
    /// Asks the question.
    ///
    /// - Parameters:
    ///   - key: the value of its parameters, UTF-8 without a NUL.
    ///   - patience: an answer that takes longer is of no use.
    func ask(about key: [UInt8], within patience: Duration) -> SQLOutcome

    /// Once; the last that is asked of it.
    func close()
}

/// What comes of a question.
package enum SQLOutcome: Sendable {
    case row(SQLRow)
    case none
    /// The database cannot say; the connection may be asked again.
    case failed(SQLFailure)
    /// It cannot say, and the connection is of no more use.
    case lost(SQLFailure)
}

/// The first columns of a row as text; nil is SQL's NULL.
public typealias SQLRow = [[UInt8]?]

/// Columns of a row that are looked at.
package let sqlColumnsMax = 8

/// Why there is no answer, in words for the log: without the key and without secrets.
public struct SQLFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    package init(_ description: String) { self.description = description }
}

extension SQLSource {
    /// What asks this database a question, which has a `?` where the key goes.
    func driver(asking question: String) -> any SQLDriver {
        switch self {
        case .sqlite(let path): SQLiteDriver(path: path, question: question)
        case .mariaDB(let server): MariaDBDriver(server: server, question: question)
        case .postgreSQL(let server):
            PostgreSQLDriver(server: server, question: SQLText.numbered(question))
        }
    }
}
