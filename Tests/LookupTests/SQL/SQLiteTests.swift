import Glibc
import Lookup
import Ring
import TestSupport
import Testing

/// What comes out of a file of SQLite.
@Suite struct SQLiteTests {
    private static let table = "CREATE TABLE t (k TEXT PRIMARY KEY, a, b); "
    private static let question = "SELECT a, b FROM t WHERE k = ?"

    /// The answers to these keys.
    private static func answers(
        _ keys: [String], at path: String, asking question: String = question,
        timeout: Duration = .seconds(20), between: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> [String] {
        let pool = SQLPool(.sqlite(path), asking: question, SQLPool.Limits(timeout: timeout))
        defer { pool.close(within: .seconds(20)) }
        return try await onShard { shard in
            var answers: [String] = []
            for (number, key) in keys.enumerated() {
                answers.append(await pool.answer(key, on: shard.ring))
                between(number)
            }
            return answers
        }
    }

    @Test func rowsAreFound() async throws {
        let file = try SQLiteFile(
            Self.table
                + """
                INSERT INTO t VALUES ('joe', 'here', 1), ('jim', NULL, ''), ('jö', 2.5, x'6100'), ('it''s; --', 'q', 0)
                """)
        let keys = ["joe", "jim", "jö", "it's; --", "nobody", "", "' OR 1=1 --"]
        let answers = try await Self.answers(keys, at: file.path)
        #expect(answers == ["here|1", "-|", "2.5|a\0", "q|0", "none", "none", "none"])
    }

    @Test func eachPlaceGetsTheKey() async throws {
        let file = try SQLiteFile(Self.table + "INSERT INTO t VALUES ('a', 'x', 'k')")
        let question = "SELECT ?, a, ? FROM t WHERE k = ?"
        #expect(try await Self.answers(["a"], at: file.path, asking: question) == ["a|x|a"])
    }

    @Test func noMoreThanTheFirstColumnsAreLookedAt() async throws {
        let file = try SQLiteFile(Self.table)
        #expect(
            try await Self.answers(["z"], at: file.path, asking: "SELECT 1,2,3,4,5,6,7,8,9,10 WHERE ? = 'z'")
                == ["1|2|3|4|5|6|7|8"])
    }

    @Test(arguments: [
        ("SELECT c FROM t WHERE k = ?", "no such column: c"), ("", "the query is empty"),
        ("SELECT", "incomplete input"), ("SELECT a FROM missing WHERE k = ?", "no such table: missing"),
        ("INSERT INTO t VALUES (?, 1, 1)", "attempt to write a readonly database"),
        ("SELECT load_extension(?)", "not authorized"),
        ("SELECT a FROM t -- WHERE k = ?", "the query has no place for the key"),
    ])
    func whatCannotBeAskedIsSaid(question: String, reason: String) async throws {
        let file = try SQLiteFile(Self.table)
        #expect(try await Self.answers(["a"], at: file.path, asking: question) == [reason])
    }

    @Test func whatIsNoDatabaseIsSaid() async throws {
        #expect(try await Self.answers(["a"], at: "/nonexistent/file") == ["unable to open database file"])
        #expect(try await Self.answers(["a"], at: "/etc/passwd") == ["file is not a database"])
        #expect(try await Self.answers(["a"], at: "/tmp") == ["not a regular file"])
        let problem = SQLPool.problem(with: .sqlite("/etc/passwd"), asking: Self.question, timeout: .seconds(1))
        #expect(problem?.description == "file is not a database")
        let file = try SQLiteFile(Self.table)
        #expect(SQLPool.problem(with: .sqlite(file.path), asking: Self.question, timeout: .seconds(1)) == nil)
    }

    /// Whom nobody writes to.
    @Test func aPipeIsNotWaitedFor() {
        let path = "/tmp/mailrace-pipe-\(UInt64.random(in: 0 ..< .max))"
        #expect(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        let problem = SQLPool.problem(with: .sqlite(path), asking: Self.question, timeout: .seconds(1))
        #expect(problem?.description == "not a regular file")
    }

    @Test func whatIsWrittenMeanwhileIsFound() async throws {
        let file = try SQLiteFile(Self.table)
        let answers = try await Self.answers(["a", "a", "a", "a"], at: file.path) { number in
            switch number {
            case 0: try? file.run("INSERT INTO t VALUES ('a', 1, 1)")
            case 1: try? file.run("DROP TABLE t")
            case 2: try? file.run(Self.table + "INSERT INTO t VALUES ('a', 2, 2)")
            default: break
            }
        }
        #expect(answers == ["none", "1|1", "no such table: t", "2|2"])
    }

    /// As editors and those who care do: written beside it and put in its place.
    @Test func aFileThatIsReplacedIsOpenedAgain() async throws {
        let file = try SQLiteFile(Self.table + "INSERT INTO t VALUES ('a', 'old', 1)")
        let other = try SQLiteFile(Self.table + "INSERT INTO t VALUES ('a', 'new', 1)")
        let answers = try await Self.answers(["a", "a", "a"], at: file.path) { number in
            if number == 0 { rename(other.path, file.path) } else { unlink(file.path) }
        }
        #expect(answers == ["old|1", "new|1", "unable to open database file"])
    }

    /// Also by the thread, which then has time for another.
    @Test func aQuestionWithoutAnEndIsGivenUp() async throws {
        let file = try SQLiteFile(Self.table)
        let question = """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE ? = 'endless') SELECT count(*) FROM n
            """
        let limits = SQLPool.Limits(connectionsMax: 1, timeout: .milliseconds(200))
        let pool = SQLPool(.sqlite(file.path), asking: question, limits)
        defer { pool.close(within: .seconds(20)) }
        let (first, second) = try await onShard { shard in
            let first = await pool.answer("endless", on: shard.ring)
            var second = ""
            for _ in 0..<50 where second != "1" { second = await pool.answer("short", on: shard.ring) }
            return (first, second)
        }
        #expect(first == "no answer in time" || first == "interrupted")
        #expect(second == "1")
    }
}
