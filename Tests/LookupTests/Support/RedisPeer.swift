import Glibc
import Lookup
import Ring
import TestSupport
import Testing

/// Redis as a test has it.
typealias RedisPeer = ScriptedServer

extension ScriptedServer {
    static func command(_ words: String...) -> String {
        words.reduce("*\(words.count)\r\n") { $0 + "$\($1.utf8.count)\r\n\($1)\r\n" }
    }

    static func welcome(_ peer: Peer) throws {
        try peer.expect(command("PING"))
        try peer.send("+PONG\r\n")
    }

    /// A script that welcomes and then hears keys and says replies.
    static func dialogue(_ lines: [(key: String, said: String)], ends: Bool = false) -> Script {
        { peer in
            try welcome(peer)
            for (key, said) in lines {
                try peer.expect(command("GET", key))
                try peer.send(said)
            }
            if !ends { try peer.expectEnd() }
        }
    }
}

/// Has `body` ask a server that goes by these scripts.
func askingRedis<Result: Sendable>(
    _ scripts: [RedisPeer.Script], timeout: Duration = .seconds(20),
    _ change: @Sendable (inout RedisServer) -> Void = { _ in },
    _ body: @escaping @Sendable (isolated Shard, RedisClient) async -> Result
) async throws -> Result {
    signal(SIGPIPE, SIG_IGN)
    let peer = try RedisPeer(scripts)
    var server = RedisServer(at: .socket(peer.address))
    change(&server)
    let result = try await onShard { [server] shard in
        let before = shard.ring.operationsInFlight
        let client = RedisClient(server, nil, timeout: timeout, on: shard)
        let result = await body(shard, client)
        await client.closed()
        #expect(await shard.ring.eventually { shard.liveTasks == 0 && shard.ring.operationsInFlight == before })
        return result
    }
    #expect(peer.finish() == [])
    return result
}

extension RedisClient {
    /// The text, `-` for none, or why there is no answer.
    func answer(_ key: String, _ cancellation: Cancellation = Cancellation()) async -> String {
        do throws(RedisFailure) {
            return try await value(of: Array(key.utf8), cancellation).map { String(decoding: $0, as: UTF8.self) } ?? "-"
        } catch {
            return error.description
        }
    }
}
