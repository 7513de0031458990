import CLinux
import Glibc
import Testing

@testable import Ring

/// The kernel features the suites run with: all there are, or the baseline where MAILRACE_IO_URING_FEATURES=6.1.
let allowedFeatures: RingFeatures =
    getenv("MAILRACE_IO_URING_FEATURES").map { String(cString: $0) } == "6.1" ? .kernel61 : RingFeatures(rawValue: .max)

extension Ring.Sizes {
    /// A ring of the usual size with few receive buffers, or small ones.
    static func receiveBuffers(_ count: UInt32, bytes: UInt32) -> Ring.Sizes {
        Ring.Sizes(submissions: 1024, completions: 16384, receiveBuffers: count, receiveBufferBytes: bytes)
    }

    /// A ring of the usual size that splices through so many pipes at a time.
    static func pipes(_ count: Int) -> Ring.Sizes {
        var sizes = Ring.Sizes()
        sizes.splicePipes = count
        return sizes
    }
}

/// Runs `body` as a task of a fresh shard and ends the shard. All buffers must have come back by then.
func withShard<Result: Sendable>(
    sizes: Ring.Sizes = Ring.Sizes(), _ body: @escaping @Sendable (isolated Shard) async -> Result
) async throws -> Result {
    let shard = try Shard(sizes: sizes, allowing: allowedFeatures)
    let thread = shard.start()
    let result = await shard.perform { shard in
        let result = await body(shard)
        #expect(await shard.ring.eventually { shard.liveTasks == 0 })
        #expect(shard.ring.buffers.held == 0)
        #expect(shard.ring.heldBytes == 0)
        #expect(shard.ring.pipes.lent == 0)
        #expect(shard.ring.timers.count == 0)
        return result
    }
    await shard.stop()
    thread.join()
    return result
}

/// Runs `bodies` as tasks of the shard at the same time and waits for all of them.
func together(_ shard: isolated Shard, _ bodies: [nonisolated(nonsending) () async -> Void]) async {
    let group = Countdown(bodies.count)
    for body in bodies {
        shard.spawn {
            await body()
            group.arrive()
        }
    }
    await group.wait()
}

/// Lets one task wait until a number of others have come to an end. On one shard.
final class Countdown {
    private var left: Int
    private var waiter: UnsafeContinuation<Void, Never>?

    init(_ count: Int) {
        left = count
    }

    func arrive() {
        left -= 1
        if left == 0 { waiter.take()?.resume() }
    }

    func wait() async {
        guard left > 0 else { return }
        await withUnsafeContinuation { waiter = $0 }
    }
}

extension Ring {
    /// Waits until `condition` holds, where nothing tells when it does; false after about ten seconds.
    func eventually(_ condition: () -> Bool) async -> Bool {
        for _ in 0..<300 {
            if condition() { return true }
            await sleep(until: now)
        }
        return condition()
    }

    /// Lets a whole turn pass: what was submitted is with the kernel then.
    func nextTurn() async {
        for _ in 0..<2 { await Task.yield() }
    }
}

/// What an operation of a stream throws; `nil` where it does not.
nonisolated(nonsending) func failure(
    _ body: nonisolated(nonsending) () async throws(StreamError) -> Void
) async -> StreamError? {
    do throws(StreamError) {
        try await body()
        return nil
    } catch {
        return error
    }
}

extension Stream {
    /// Reads until there are `count` bytes or the direction has ended, and takes what there is.
    func read(atLeast count: Int = 1) async -> String {
        while buffered < count, (try? await waitForInput()) != nil {}
        return String(decoding: takeInput(buffered), as: UTF8.self)
    }

    /// Reads everything up to the end of the peer's direction.
    func readAll() async -> [UInt8] {
        while (try? await waitForInput()) != nil {}
        return takeInput(buffered)
    }
}
