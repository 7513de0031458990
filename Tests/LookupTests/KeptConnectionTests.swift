import Lookup
import Ring
import TestSupport
import Testing

/// How a kept connection finds its server, tried by Redis. What becomes of one that stands, its conversations' own tests
/// see.
@Suite struct KeptConnectionTests {
    private static func redis(port: UInt16) -> RedisServer { RedisServer(at: .host("redis.example", port: port)) }

    /// Answers with these addresses, of whichever family is asked for.
    private static func records(_ question: Question, _ records: [Record]) -> [[UInt8]] {
        [question.answer(records.filter { $0.type == question.type })]
    }

    /// The first of its addresses is one where nobody is.
    @Test func aServerMayHaveAName() async throws {
        let peer = try RedisPeer([RedisPeer.dialogue([("a", "$1\r\n1\r\n")])])
        let names = try DNSServer { Self.records($0, [.a([127, 0, 0, 2]), .a([127, 0, 0, 1])]) }
        let port = peer.address.port
        let answer = try await withResolver([names]) { shard, resolver in
            let client = RedisClient(Self.redis(port: port), resolver, timeout: .seconds(20), on: shard)
            let answer = await client.answer("a")
            await client.closed()
            return answer
        }
        #expect(answer == "1")
        #expect(peer.finish() == [])
    }

    /// Where the name has led once, it leads on.
    @Test func aBadMinuteOfTheResolverIsNotThatOfTheServer() async throws {
        let peer = try RedisPeer([
            RedisPeer.dialogue([("a", "$1\r\n1\r\n")], ends: true), RedisPeer.dialogue([("b", "$1\r\n2\r\n")]),
        ])
        let names = try DNSServer { question in
            question.attempt == 1
                ? Self.records(question, [.a([127, 0, 0, 1])]) : [question.answer(code: .serverFailure)]
        }
        let port = peer.address.port
        let answers = try await withResolver([names]) { shard, resolver in
            let client = RedisClient(Self.redis(port: port), resolver, timeout: .seconds(20), on: shard)
            let first = await client.answer("a")
            let before = names.questions
            let second = await client.answer("b")
            #expect(names.questions > before)
            await client.closed()
            return [first, second]
        }
        #expect(answers == ["1", "2"])
        #expect(peer.finish() == [])
    }

    @Test func aNameThatLeadsNowhereIsSaid() async throws {
        let names = try DNSServer { [$0.answer(code: .noSuchName)] }
        let answer = try await withResolver([names]) { shard, resolver in
            let client = RedisClient(Self.redis(port: 6379), resolver, timeout: .seconds(20), on: shard)
            let answer = await client.answer("a")
            await client.closed()
            return answer
        }
        #expect(answer.hasPrefix("redis.example: "), "\(answer)")
    }

    /// It does not wait for the name server, which says nothing.
    @Test func itEndsWhileItLooksForItsServer() async throws {
        let names = try DNSServer { _ in [] }
        let answer = try await withResolver([names], { $0.timeout = .seconds(60) }) { shard, resolver in
            let client = RedisClient(Self.redis(port: 6379), resolver, timeout: .seconds(60), on: shard)
            var answer = ""
            shard.spawn { answer = await client.answer("a") }
            #expect(await shard.ring.eventually { names.questions > 0 })
            let begun = shard.ring.now
            await client.closed()
            #expect(shard.ring.now < begun + .seconds(30))
            #expect(await shard.ring.eventually { answer != "" })
            return answer
        }
        #expect(answer == "closed")
    }
}
