import Lookup
import Ring
import TestSupport
import Testing

/// How questions go to connections, whatever the database.
@Suite struct SQLPoolTests {
    private static func row(_ text: String) -> SQLOutcome { .row([Array(text.utf8)]) }

    /// Has `body` ask a pool, which is closed afterwards.
    private static func asking<Result: Sendable>(
        _ database: ScriptedDatabase, _ limits: SQLPool.Limits = SQLPool.Limits(timeout: .seconds(20)),
        _ body: @escaping @Sendable (isolated Shard, SQLPool) async -> Result
    ) async throws -> Result {
        let pool = SQLPool(database, limits)
        defer { pool.close(within: .seconds(20)) }
        return try await onShard { shard in await body(shard, pool) }
    }

    @Test func whatTheDatabaseSaysComesBack() async throws {
        let database = ScriptedDatabase { _, _, key in
            switch key {
            case "a": .row([Array("here".utf8), nil, []])
            case "b": .none
            default: .failed(SQLFailure("no such table"))
            }
        }
        let answers = try await Self.asking(database) { shard, pool in
            var answers: [String] = []
            for key in ["a", "b", "c", "a"] { answers.append(await pool.answer(key, on: shard.ring)) }
            return answers
        }
        #expect(answers == ["here|-|", "none", "no such table", "here|-|"])
        // One connection did for all of them.
        #expect(database.opened == 1 && database.closed == 1)
    }

    @Test func thereAreAsManyConnectionsAsQuestionsUpToALimit() async throws {
        let gate = Gate()
        let database = ScriptedDatabase { connection, _, key in
            gate.pass()
            return Self.row("\(key)")
        }
        let limits = SQLPool.Limits(connectionsMax: 3, timeout: .seconds(20))
        let answers = try await Self.asking(database, limits) { shard, pool in
            var answers: [String] = []
            for number in 0..<7 {
                shard.spawn { answers.append(await pool.answer("\(number)", on: shard.ring)) }
            }
            #expect(await shard.ring.eventually { gate.arrivals == 3 })
            #expect(answers.isEmpty)
            gate.open()
            #expect(await shard.ring.eventually { answers.count == 7 })
            return answers.sorted()
        }
        #expect(answers == (0..<7).map { "\($0)" })
        #expect(database.opened == 3 && database.closed == 3)
    }

    /// The thread goes on, and its answer finds nobody.
    @Test func aShardGivesUpInTime() async throws {
        let gate = Gate()
        let database = ScriptedDatabase { _, question, _ in
            if question == 1 { gate.pass() }
            return Self.row("here")
        }
        let limits = SQLPool.Limits(connectionsMax: 1, timeout: .milliseconds(50))
        let (early, late) = try await Self.asking(database, limits) { shard, pool in
            let early = await pool.answer("a", on: shard.ring)
            gate.open()
            var late = ""
            for _ in 0..<100 where late != "here" { late = await pool.answer("b", on: shard.ring) }
            return (early, late)
        }
        #expect(early == "no answer in time" && late == "here")
        #expect(database.opened == 1)
    }

    @Test func noMoreWaitThanMay() async throws {
        let gate = Gate()
        let database = ScriptedDatabase { _, _, key in
            gate.pass()
            return Self.row(key)
        }
        let limits = SQLPool.Limits(connectionsMax: 1, waitingMax: 1, timeout: .seconds(20))
        try await Self.asking(database, limits) { shard, pool in
            var answers: [String] = []
            shard.spawn { answers.append(await pool.answer("a", on: shard.ring)) }
            #expect(await shard.ring.eventually { gate.arrivals == 1 })
            shard.spawn { answers.append(await pool.answer("b", on: shard.ring)) }
            await shard.ring.sleep(until: shard.ring.now)
            #expect(await pool.answer("c", on: shard.ring) == "too many questions wait for the database")
            gate.open()
            #expect(await shard.ring.eventually { answers.count == 2 })
            #expect(answers == ["a", "b"])
        }
    }

    /// Its place among those who wait is free again.
    @Test func aQuestionMayBeTakenBack() async throws {
        let gate = Gate()
        let database = ScriptedDatabase { _, _, key in
            gate.pass()
            return Self.row(key)
        }
        let limits = SQLPool.Limits(connectionsMax: 1, waitingMax: 1, timeout: .seconds(20))
        try await Self.asking(database, limits) { shard, pool in
            var answers: [String] = []
            let cancellations = [Cancellation(), Cancellation()]
            shard.spawn { answers.append(await pool.answer("a", on: shard.ring, cancellations[0])) }
            #expect(await shard.ring.eventually { gate.arrivals == 1 })
            shard.spawn { answers.append(await pool.answer("b", on: shard.ring, cancellations[1])) }
            await shard.ring.sleep(until: shard.ring.now)
            for cancellation in cancellations { cancellation.cancel() }
            #expect(await shard.ring.eventually { answers == ["taken back", "taken back"] })
            shard.spawn { answers.append(await pool.answer("c", on: shard.ring)) }
            await shard.ring.sleep(until: shard.ring.now)
            gate.open()
            #expect(await shard.ring.eventually { answers.last == "c" })
            let late = Cancellation()
            late.cancel()
            #expect(await pool.answer("d", on: shard.ring, late) == "taken back")
        }
    }

    // MARK: Connections that fail

    /// A server that closes idle connections, or was started anew, costs nobody an answer.
    @Test func anOldConnectionThatIsGoneIsReplaced() async throws {
        let database = ScriptedDatabase { connection, question, _ in
            connection == 1 && question == 3 ? .lost(SQLFailure("gone")) : Self.row("\(connection)")
        }
        let answers = try await Self.asking(database) { shard, pool in
            var answers: [String] = []
            for _ in 0..<4 { answers.append(await pool.answer("a", on: shard.ring)) }
            return answers
        }
        #expect(answers == ["1", "1", "2", "2"])
        #expect(database.opened == 2 && database.closed == 2)
    }

    /// Whoever asks hears so, and once a second one finds out whether it is back.
    @Test(arguments: [true, false]) func aServerThatIsAwayIsLeftAloneForAWhile(refusesConnections: Bool) async throws {
        let isAway = SQLFailure("away")
        let database = ScriptedDatabase(opening: { number in
            refusesConnections && number == 1 ? isAway : nil
        }) { connection, _, _ in
            connection == 1 ? .lost(isAway) : Self.row("\(connection)")
        }
        try await Self.asking(database) { shard, pool in
            let begun = shard.ring.now
            for _ in 0..<50 {
                let answer = await pool.answer("a", on: shard.ring)
                let opened = database.opened
                // A busy machine may take longer than that.
                guard Instant.current() < begun + .seconds(1) else { break }
                #expect(answer == "away" && opened == 1)
            }
            let end = begun + .seconds(20)
            while await pool.answer("a", on: shard.ring) != "2", shard.ring.now < end {
                await shard.ring.sleep(until: shard.ring.now)
            }
            #expect(await pool.answer("a", on: shard.ring) == "2")
            #expect(database.opened == 2)
        }
    }

    /// While one finds out, nobody waits for it.
    @Test func onlyOneFindsOutWhetherItIsBack() async throws {
        let gate = Gate()
        let database = ScriptedDatabase(opening: { number in
            if number == 1 { return SQLFailure("away") }
            gate.pass()
            return nil
        }) { _, _, _ in Self.row("here") }
        try await Self.asking(database) { shard, pool in
            // Until that is known, more than one would try.
            #expect(await pool.answer("a", on: shard.ring) == "away")
            var first = ""
            for _ in 0..<300 where gate.arrivals == 0 {
                shard.spawn { first = await pool.answer("a", on: shard.ring) }
                await shard.ring.sleep(until: shard.ring.now)
            }
            #expect(gate.arrivals == 1)
            for _ in 0..<5 { #expect(await pool.answer("b", on: shard.ring) == "away") }
            gate.open()
            #expect(await shard.ring.eventually { first == "here" })
            #expect(await pool.answer("b", on: shard.ring) == "here")
        }
        #expect(database.opened == 2)
    }

    /// A server that lets no more connections in is not away.
    @Test func whatIsThereIsGoneOnWith() async throws {
        let gate = Gate()
        let database = ScriptedDatabase(opening: { $0 == 1 ? nil : SQLFailure("too many connections") }) { _, _, key in
            gate.pass()
            return Self.row(key)
        }
        try await Self.asking(database) { shard, pool in
            var answers: [String] = []
            for number in 0..<5 {
                shard.spawn { answers.append(await pool.answer("\(number)", on: shard.ring)) }
                // The first has its connection before the next needs another.
                #expect(await shard.ring.eventually { gate.arrivals == 1 })
            }
            #expect(await shard.ring.eventually { database.opened >= 2 })
            gate.open()
            #expect(await shard.ring.eventually { answers.count == 5 })
            #expect(answers.filter { $0 == "too many connections" } == [])
        }
    }

    @Test func anIdleConnectionIsClosed() async throws {
        let database = ScriptedDatabase { connection, _, _ in Self.row("\(connection)") }
        let limits = SQLPool.Limits(timeout: .seconds(20), idleTimeout: .milliseconds(20))
        try await Self.asking(database, limits) { shard, pool in
            #expect(await pool.answer("a", on: shard.ring) == "1")
            #expect(await shard.ring.eventually { database.closed == 1 })
            #expect(await pool.answer("a", on: shard.ring) == "2")
        }
    }

    // MARK: The end

    @Test func aPoolMayBeClosedWhileItWorks() async throws {
        let gate = Gate()
        let database = ScriptedDatabase { _, _, key in
            gate.pass()
            return Self.row(key)
        }
        let limits = SQLPool.Limits(connectionsMax: 1, timeout: .seconds(20))
        try await Self.asking(database, limits) { shard, pool in
            var answers: [String] = []
            shard.spawn { answers.append(await pool.answer("a", on: shard.ring)) }
            #expect(await shard.ring.eventually { gate.arrivals == 1 })
            shard.spawn { answers.append(await pool.answer("b", on: shard.ring)) }
            await shard.ring.sleep(until: shard.ring.now)
            pool.close(within: .zero)
            #expect(await pool.answer("c", on: shard.ring) == "closed")
            #expect(await shard.ring.eventually { answers == ["closed"] })
            gate.open()
            #expect(await shard.ring.eventually { answers == ["closed", "a"] && database.closed == 1 })
        }
    }

    @Test func aPoolThatGoesTakesItsConnectionsWithIt() async throws {
        let database = ScriptedDatabase { _, _, key in Self.row(key) }
        try await onShard { shard in
            do {
                let pool = SQLPool(database, SQLPool.Limits())
                #expect(await pool.answer("a", on: shard.ring) == "a")
            }
            #expect(await shard.ring.eventually { database.closed == 1 })
        }
    }
}
