import Lookup
import Policy
import Ring
import Telemetry
import TestSupport
import Testing

/// What is made of what databases have for a key.
@Suite struct DatabaseMapTests {
    /// A database with one answer.
    private struct Database: SQLDriver {
        let outcome: SQLOutcome

        func open(within patience: Duration) throws(SQLFailure) -> any SQLConnection { Connection(outcome) }

        private final class Connection: SQLConnection {
            private let outcome: SQLOutcome

            init(_ outcome: SQLOutcome) { self.outcome = outcome }

            func ask(about key: [UInt8], within patience: Duration) -> SQLOutcome { outcome }
            func close() {}
        }
    }

    private static func log() throws -> Log { try Log(.file("/dev/null"), format: .json, level: .warning) }

    private static func answer(_ outcome: SQLOutcome, to key: [UInt8] = [0x61]) async throws -> MapAnswer {
        let pool = SQLPool(Database(outcome: outcome), SQLPool.Limits(timeout: .seconds(20)))
        defer { pool.close(within: .seconds(20)) }
        let log = try Self.log()
        return try await onShard { shard in
            let map = SQLMap("table", pool, on: shard.ring, log)
            return await map.look(up: MapKey(.domain, key), cancellation: Cancellation())
        }
    }

    private static func answer(_ columns: String?...) async throws -> MapAnswer {
        try await answer(.row(columns.map { $0.map { Array($0.utf8) } }))
    }

    private static func found(_ text: String, _ verifies: Bool? = nil) -> MapAnswer {
        .found(MapEntry(server: Array(text.utf8), verifiesTLS: verifies))
    }

    @Test func aRowIsAServer() async throws {
        #expect(try await Self.answer("mx.example.com:25") == Self.found("mx.example.com:25"))
        #expect(try await Self.answer(" mx\r\n", nil) == Self.found("mx"))
        #expect(try await Self.answer("mx", "") == Self.found("mx"))
    }

    @Test(arguments: ["true", "T", "1", "yes", "Y", "on"]) func aCertificateMayHaveToBeValid(word: String) async throws
    {
        #expect(try await Self.answer("mx", word) == Self.found("mx", true))
    }

    @Test(arguments: ["FALSE", "f", "0", "no", "n", " off "]) func orNot(word: String) async throws {
        #expect(try await Self.answer("mx", word, "more") == Self.found("mx", false))
    }

    @Test func nothingIsNoSuchKey() async throws {
        #expect(try await Self.answer(SQLOutcome.none) == .missing)
        #expect(try await Self.answer(nil, "1") == .missing)
        #expect(try await Self.answer("") == .missing)
        #expect(try await Self.answer(" ", "maybe") == .missing)
        #expect(try await Self.answer(.row([])) == .missing)
    }

    @Test func whatCannotBeUnderstoodIsNoAnswer() async throws {
        #expect(try await Self.answer("mx", "maybe") == .failed)
        #expect(try await Self.answer(String(repeating: "x", count: 1 << 20)) == .failed)
        #expect(try await Self.answer(.failed(SQLFailure("no such table"))) == .failed)
        #expect(try await Self.answer(.lost(SQLFailure("gone"))) == .failed)
    }

    /// Databases would fail with them, as though they were away.
    @Test(arguments: [[0x61, 0], [0xFF], [0xC3]] as [[UInt8]]) func keysThatAreNoTextAreNowhere(key: [UInt8])
        async throws
    {
        #expect(try await Self.answer(.failed(SQLFailure("invalid byte sequence")), to: key) == .missing)
    }

    // MARK: Redis

    private static func answer(ofRedis text: String) async throws -> MapAnswer {
        let server = try LoopbackServer()
        let thread = Thread.start(name: "redis") {
            guard let peer = try? server.accept() else { return }
            try? peer.send("+PONG\r\n")
            try? peer.expect("*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$7\r\nmail::a\r\n")
            try? peer.send("$\(text.utf8.count)\r\n\(text)\r\n")
            _ = try? peer.readToEnd()
        }
        let log = try Self.log()
        let answer = try await onShard { shard in
            let client = RedisClient(
                RedisServer(at: .socket(server.address)), nil, timeout: .seconds(20), on: shard)
            let map = RedisMap("redis", prefix: "mail::", client, on: shard.ring, log)
            let answer = await map.look(up: MapKey(.domain, [0x61]), cancellation: Cancellation())
            await map.closed()
            return answer
        }
        thread.join()
        return answer
    }

    @Test func aTextOfRedisIsAServer() async throws {
        #expect(try await Self.answer(ofRedis: "mx:25") == Self.found("mx:25"))
        #expect(try await Self.answer(ofRedis: "mx ; false\n") == Self.found("mx", false))
        #expect(try await Self.answer(ofRedis: "mx;") == Self.found("mx"))
        #expect(try await Self.answer(ofRedis: ";true") == .missing)
        #expect(try await Self.answer(ofRedis: "mx;true;x") == .failed)
    }
}
