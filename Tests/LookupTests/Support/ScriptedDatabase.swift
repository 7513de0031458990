import Lookup
import Ring
import Synchronization

/// A database that does as a test says.
final class ScriptedDatabase: SQLDriver, Sendable {
    typealias Opening = @Sendable (_ connection: Int) -> SQLFailure?
    typealias Script = @Sendable (_ connection: Int, _ question: Int, _ key: String) -> SQLOutcome

    private let opening: Opening
    private let script: Script
    private let openedCount = Atomic(0)
    private let closedCount = Atomic(0)

    /// - Parameters:
    ///   - opening: what goes wrong where a connection is opened; they are numbered from 1 on.
    ///   - script: what is said to a question; they are numbered from 1 on for each connection.
    init(opening: @escaping Opening = { _ in nil }, _ script: @escaping Script) {
        self.opening = opening
        self.script = script
    }

    /// Attempts to connect.
    var opened: Int { openedCount.load(ordering: .relaxed) }
    var closed: Int { closedCount.load(ordering: .relaxed) }

    func open(within patience: Duration) throws(SQLFailure) -> any SQLConnection {
        let number = openedCount.add(1, ordering: .relaxed).newValue
        if let failure = opening(number) { throw failure }
        return Connection(self, number)
    }

    private final class Connection: SQLConnection {
        private let database: ScriptedDatabase
        private let number: Int
        private var questions = 0

        init(_ database: ScriptedDatabase, _ number: Int) {
            self.database = database
            self.number = number
        }

        func ask(about key: [UInt8], within patience: Duration) -> SQLOutcome {
            questions += 1
            return database.script(number, questions, String(decoding: key, as: UTF8.self))
        }

        func close() { database.closedCount.add(1, ordering: .relaxed) }
    }
}

/// Holds threads up until it is opened.
final class Gate: Sendable {
    private let isOpen = Locked(false)
    private let count = Atomic(0)

    /// Threads that have come so far.
    var arrivals: Int { count.load(ordering: .relaxed) }

    func pass() {
        count.add(1, ordering: .relaxed)
        isOpen.withLock(when: { $0 }) { _ in }
    }

    func open() {
        isOpen.withLock { $0 = true }
        isOpen.signal()
    }
}

extension SQLPool {
    /// `a|-` for a row of a text and a NULL, `none`, or why there is no answer.
    func answer(
        _ key: String, on ring: Ring, _ cancellation: Cancellation = Cancellation()
    ) async -> String {
        do throws(SQLFailure) {
            guard let row = try await row(about: Array(key.utf8), on: ring, cancellation) else { return "none" }
            return row.map { $0.map { String(decoding: $0, as: UTF8.self) } ?? "-" }.joined(separator: "|")
        } catch {
            return error.description
        }
    }
}
