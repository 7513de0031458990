import CLinux
import Glibc
import Testing

@testable import Ring

@Suite struct StreamTests {
    @Test func readsWhatArrivesAndWritesWhatIsQueued() async throws {
        let pair = Pair()
        let heard = try await withShard { shard in
            let stream = Stream(shard.ring, descriptor: pair.ours)
            pair.say("hello")
            try? await stream.waitForInput()
            let heard = stream.takeInput(stream.buffered)
            stream.queue(Array("two ".utf8))
            stream.queue(Array("pieces".utf8))
            try? await stream.flush()
            await stream.close()
            return String(decoding: heard, as: UTF8.self)
        }
        #expect(heard == "hello")
        #expect(pair.hear() == "two pieces")
        #expect(pair.hear() == "")
        pair.hangUp()
    }

    @Test func aSessionNeverLeavesItsShard() async throws {
        let pair = Pair()
        let foreign = try await withShard { shard in
            let before = shard.executor.foreignJobs
            shard.spawn {
                let stream = Stream(shard.ring, descriptor: pair.ours)
                for _ in 0..<100 {
                    pair.say("x")
                    try? await stream.waitForInput()
                    stream.dropInput(stream.buffered)
                    try? await stream.write([1])
                }
                await stream.close()
            }
            while shard.liveTasks > 0 { await Task.yield() }
            return shard.executor.foreignJobs - before
        }
        #expect(foreign == 0)
        pair.hangUp()
    }

    @Test func deadlineEndsAWait() async throws {
        let pair = Pair()
        let error = try await withShard { shard -> StreamError? in
            let stream = Stream(shard.ring, descriptor: pair.ours)
            stream.deadline = shard.ring.now + .milliseconds(30)
            var caught: StreamError?
            do throws(StreamError) { try await stream.waitForInput() } catch { caught = error }
            await stream.close()
            return caught
        }
        #expect(error == .timedOut)
        pair.hangUp()
    }
}
