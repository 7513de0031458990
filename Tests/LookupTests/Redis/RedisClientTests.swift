import Lookup
import Ring
import TestSupport
import Testing
import Wire

/// What Redis is asked, and what is made of what it answers.
@Suite struct RedisClientTests {
    @Test func whatIsThereComesBack() async throws {
        let script = RedisPeer.dialogue([
            ("a", "$4\r\nhere\r\n"), ("b b", "$-1\r\n"), ("ä", "$0\r\n\r\n"),
            ("l", "-WRONGTYPE not a text\r\n"), ("n", ":1\r\n"), ("a", "$4\r\nhere\r\n"),
        ])
        let answers = try await askingRedis([script]) { shard, client in
            var answers: [String] = []
            for key in ["a", "b b", "ä", "l", "n", "a"] { answers.append(await client.answer(key)) }
            return answers
        }
        #expect(
            answers == ["here", "-", "", "WRONGTYPE not a text", "it answers with something else than text", "here"])
    }

    @Test func aServerIsToldWhoAsksForWhat() async throws {
        let script: RedisPeer.Script = { peer in
            try peer.expect(
                RedisPeer.command("AUTH", "joe", "pa ss") + RedisPeer.command("SELECT", "3")
                    + RedisPeer.command("PING"))
            try peer.send("+OK\r\n+OK\r\n+PONG\r\n")
            try peer.expect(RedisPeer.command("GET", "k"))
            try peer.send("$1\r\nv\r\n")
            try peer.expectEnd()
        }
        let answer = try await askingRedis(
            [script],
            timeout: .seconds(20),
            { server in
                (server.user, server.database) = ("joe", 3)
                server.password = Secret(copying: Array("pa ss".utf8))
            }
        ) { shard, client in await client.answer("k") }
        #expect(answer == "v")
    }

    @Test func aPasswordMayStandAlone() async throws {
        let script: RedisPeer.Script = { peer in
            try peer.expect(RedisPeer.command("AUTH", "pw") + RedisPeer.command("PING"))
            try peer.send("-WRONGPASS no\r\n")
            try peer.expectEnd()
        }
        let answers = try await askingRedis(
            [script], timeout: .seconds(20), { $0.password = Secret(copying: Array("pw".utf8)) }
        ) { shard, client in
            // The second does not connect.
            let answers = [await client.answer("k"), await client.answer("k")]
            return answers
        }
        #expect(answers.allSatisfy { $0.hasSuffix(": WRONGPASS no") })
    }

    @Test func questionsGoInOneRow() async throws {
        let script: RedisPeer.Script = { peer in
            try RedisPeer.welcome(peer)
            try peer.expect((0..<5).map { RedisPeer.command("GET", "\($0)") }.joined())
            try peer.send((0..<5).map { "$2\r\nv\($0)\r\n" }.joined())
            try peer.expectEnd()
        }
        let answers = try await askingRedis([script]) { shard, client in
            var answers = [String](repeating: "", count: 5)
            for number in 0..<5 { shard.spawn { answers[number] = await client.answer("\(number)") } }
            #expect(await shard.ring.eventually { !answers.contains("") })
            return answers
        }
        #expect(answers == (0..<5).map { "v\($0)" })
    }

    // MARK: Connections that fail

    @Test func aConnectionThatHasGoneIsReplaced() async throws {
        let scripts = [
            RedisPeer.dialogue([("a", "$1\r\n1\r\n")], ends: true),
            RedisPeer.dialogue([("b", "$1\r\n2\r\n")]),
        ]
        let answers = try await askingRedis(scripts) { shard, client in
            [await client.answer("a"), await client.answer("b")]
        }
        #expect(answers == ["1", "2"])
    }

    /// It hears the question and goes.
    @Test func aQuestionIsAskedOnceMore() async throws {
        let hangUp: RedisPeer.Script = { peer in
            try RedisPeer.welcome(peer)
            try peer.expect(RedisPeer.command("GET", "a"))
            try peer.send("$1\r\n1\r\n")
            try peer.expect(RedisPeer.command("GET", "b"))
        }
        let answers = try await askingRedis([hangUp, RedisPeer.dialogue([("b", "$1\r\n2\r\n")])]) { shard, client in
            [await client.answer("a"), await client.answer("b")]
        }
        #expect(answers == ["1", "2"])
    }

    @Test func aServerThatIsAwayIsLeftAloneForAWhile() async throws {
        let scripts: [RedisPeer.Script] = [{ _ in }, RedisPeer.dialogue([("a", "$1\r\n1\r\n")])]
        try await askingRedis(scripts) { shard, client in
            let begun = shard.ring.now
            // One whose answer comes in that time does not ask the server, which would notice.
            while true {
                let answer = await client.answer("a")
                guard Instant.current() < begun + .milliseconds(500) else { break }
                #expect(answer != "1")
                await shard.ring.sleep(until: shard.ring.now)
            }
            let end = begun + .seconds(20)
            while await client.answer("a") != "1", shard.ring.now < end {
                await shard.ring.sleep(until: shard.ring.now)
            }
            #expect(shard.ring.now < end)
        }
    }

    @Test(arguments: ["220 mx ESMTP\r\n", "*0\r\n", ":1\r\n", "$1\r\na\r\n", "-LOADING it\r\n"])
    func whatIsNoWelcomeEndsTheConnection(said: String) async throws {
        let script: RedisPeer.Script = { peer in
            try peer.send(said)
            _ = try? peer.readToEnd()
        }
        let answer = try await askingRedis([script]) { shard, client in await client.answer("a") }
        #expect(answer.hasSuffix(said.hasPrefix("-") ? ": LOADING it" : ": it says what is no reply of Redis'"))
    }

    @Test func rubbishEndsTheConnection() async throws {
        let rubbish: RedisPeer.Script = { peer in
            try RedisPeer.welcome(peer)
            try peer.expect(RedisPeer.command("GET", "a"))
            try peer.send("rubbish\r\n")
            _ = try? peer.readToEnd()
        }
        let answer = try await askingRedis([rubbish]) { shard, client in await client.answer("a") }
        #expect(answer.hasSuffix(": it says what is no reply of Redis'"))
    }

    /// Whoever asks next must not take it for the answer.
    @Test func whatNobodyHasAskedForEndsTheConnection() async throws {
        let talkative: RedisPeer.Script = { peer in
            try RedisPeer.welcome(peer)
            try peer.expect(RedisPeer.command("GET", "a"))
            try peer.send("$1\r\n1\r\n$1\r\n2\r\n")
            _ = try? peer.readToEnd()
        }
        let answers = try await askingRedis([talkative, RedisPeer.dialogue([("b", "$1\r\n3\r\n")])]) { shard, client in
            [await client.answer("a"), await client.answer("b")]
        }
        #expect(answers == ["1", "3"])
    }

    @Test func aServerThatSaysNothingIsGivenUp() async throws {
        let silent: RedisPeer.Script = { peer in
            try RedisPeer.welcome(peer)
            try peer.expect(RedisPeer.command("GET", "a"))
            _ = try? peer.readToEnd()
        }
        // Its welcome has to come in that time.
        let answers = try await askingRedis([silent], timeout: .seconds(1)) { shard, client in
            [await client.answer("a"), await client.answer("b")]
        }
        #expect(answers[0] == "no answer in time" && answers[1].hasSuffix(": nothing comes from it"))
    }

    @Test func nobodyAtTheDoorIsSaid() async throws {
        let address = try LoopbackServer.closedAddress()
        let answer = try await askingRedis([], timeout: .seconds(20), { $0.address = .socket(address) }) { _, client in
            await client.answer("a")
        }
        #expect(answer == "\(address): Connection refused")
    }

    // MARK: The end

    @Test func aQuestionMayBeTakenBack() async throws {
        let gate = Gate()
        let script: RedisPeer.Script = { peer in
            try RedisPeer.welcome(peer)
            try peer.expect(RedisPeer.command("GET", "a"))
            gate.pass()
            try peer.send("$1\r\n1\r\n")
            try peer.expect(RedisPeer.command("GET", "b"))
            try peer.send("$1\r\n2\r\n")
            try peer.expectEnd()
        }
        let answers = try await askingRedis([script]) { shard, client in
            let cancellation = Cancellation()
            var first = ""
            shard.spawn { first = await client.answer("a", cancellation) }
            #expect(await shard.ring.eventually { gate.arrivals == 1 })
            cancellation.cancel()
            #expect(await shard.ring.eventually { first != "" })
            gate.open()
            return [first, await client.answer("b")]
        }
        // The answer to the first is not taken for that to the second.
        #expect(answers == ["taken back", "2"])
    }

    @Test func whoWaitsHearsOfTheEnd() async throws {
        let gate = Gate()
        let script: RedisPeer.Script = { peer in
            try RedisPeer.welcome(peer)
            try peer.expect(RedisPeer.command("GET", "a"))
            gate.open()
            gate.pass()
            try peer.expectEnd()
        }
        let answers = try await askingRedis([script]) { shard, client in
            var first = ""
            shard.spawn { first = await client.answer("a") }
            #expect(await shard.ring.eventually { gate.arrivals == 1 })
            await client.closed()
            #expect(await shard.ring.eventually { first != "" })
            return [first, await client.answer("b")]
        }
        #expect(answers == ["closed", "closed"])
    }
}
