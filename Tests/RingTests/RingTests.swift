import CLinux
import CUring
import Glibc
import Testing

@testable import Ring

/// The ring itself: full queues, interruptions, cancellations, ownership.
@Suite struct RingTests {
    /// Counts the completions of operations that nobody waits for.
    private final class Counter: CompletionSink {
        var completions: [OperationID: Int] = [:]
        var results: [Int32] = []

        func completed(_ operation: OperationID, _ completion: Completion) {
            completions[operation, default: 0] += 1
            results.append(completion.result)
        }
    }

    private static let tiny = Ring.Sizes(submissions: 8, completions: 16, receiveBuffers: 16, receiveBufferBytes: 64)

    @Test func aFullSubmissionQueueIsFlushed() async throws {
        try await withShard(sizes: Self.tiny) { shard in
            let counter = Counter()
            let ids = (0..<500).map { _ in shard.ring.begin(counter) { uring_nop($0, $1) } }
            #expect(await shard.ring.eventually { counter.results.count >= 500 })
            #expect(shard.ring.statistics.submissionQueueFull > 0)
            #expect(ids.allSatisfy { counter.completions[$0] == 1 })
            #expect(counter.results.allSatisfy { $0 == 0 })
            #expect(shard.ring.statistics.staleCompletions == 0)
        }
    }

    @Test func tasksSurviveAFullSubmissionQueue() async throws {
        try await withShard(sizes: Self.tiny) { shard in
            let done = Countdown(500)
            for _ in 0..<500 {
                shard.spawn {
                    let completion = await shard.ring.perform(named: { _ in }) { uring_nop($0, $1) }
                    #expect(completion.result == 0)
                    done.arrive()
                }
            }
            await done.wait()
        }
    }

    @Test func anOverflowingCompletionQueueLosesNothing() async throws {
        try await withShard(sizes: Self.tiny) { shard in
            let counter = Counter()
            // All of them complete while the shard is busy, and sixteen have room.
            let pairs = (0..<200).map { _ in Pair() }
            for pair in pairs { _ = shard.ring.begin(counter) { uring_poll($0, pair.ours, UInt32(POLLIN), $1) } }
            await shard.ring.nextTurn()
            for pair in pairs { pair.say("x") }
            #expect(await shard.ring.eventually { counter.results.count >= 200 })
            #expect(counter.completions.count == 200)
            #expect(counter.completions.values.allSatisfy { $0 == 1 })
            #expect(shard.ring.statistics.completionQueueOverflows > 0)
            for pair in pairs {
                pair.hangUp()
                close(pair.ours)
            }
        }
    }

    /// A signal while the shard waits costs a turn and nothing else.
    @Test func aSignalEndsOnlyATurn() async throws {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in }
        #expect(sigaction(SIGURG, &action, nil) == 0)
        try await withShard { shard in
            // Threads of the pool, whose child this one is, block signals.
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGURG)
            pthread_sigmask(SIG_UNBLOCK, &signals, nil)
            let thread = pthread_self()
            let pair = Pair()
            let stream = Stream(shard.ring, descriptor: pair.ours)
            let flag = Atomics()
            let signaller = Thread.start(name: "signaller") {
                while !flag.isSet {
                    pthread_kill(thread, SIGURG)
                    usleep(200)
                }
                pair.say("after the storm")
            }
            shard.spawn {
                #expect(await shard.ring.eventually { shard.ring.statistics.interruptedTurns >= 3 })
                flag.set()
            }
            #expect(await stream.read() == "after the storm")
            signaller.join()
            pair.hangUp()
            await stream.close()
        }
    }

    /// A flag that threads share.
    private final class Atomics: Sendable {
        private let value = Locked(false)
        var isSet: Bool { value.withLock { $0 } }
        func set() { value.withLock { $0 = true } }
    }

    /// Cancelling what has completed, in the same turn or long ago, does nothing; above all not to the slot's next
    /// owner.
    @Test func aStaleNameCancelsNobody() async throws {
        try await withShard { shard in
            let ring = shard.ring
            let counter = Counter()
            let old = ring.begin(counter) { uring_nop($0, $1) }
            #expect(await ring.eventually { counter.results.count == 1 })
            let pair = Pair()
            let next = ring.begin(counter) { uring_poll($0, pair.ours, UInt32(POLLIN), $1) }
            #expect(next.index == old.index && next.generation != old.generation)
            ring.cancel(old)
            ring.cancel(nil)
            await ring.nextTurn()
            #expect(counter.results.count == 1)
            ring.cancel(next)
            ring.cancel(next)
            #expect(await ring.eventually { counter.results.count == 2 })
            #expect(counter.results == [0, -ECANCELED])
            #expect(ring.statistics.staleCompletions == 0)
            pair.hangUp()
            close(pair.ours)
        }
    }

    @Test func aCompletionAndItsCancellationInOneTurnGiveOneCompletion() async throws {
        try await withShard { shard in
            let ring = shard.ring
            for _ in 0..<100 {
                let counter = Counter()
                let id = ring.begin(counter) { uring_nop($0, $1) }
                ring.cancel(id)
                #expect(await ring.eventually { counter.results.count > 0 })
                await ring.nextTurn()
                #expect(counter.completions == [id: 1])
            }
        }
    }

    @Test func aRingUsedFromAnotherThreadEndsTheProcess() async {
        await #expect(processExitsWith: .failure) {
            let shard = try Shard(allowing: allowedFeatures)
            _ = shard.start()
            let stray = await shard.perform { shard in Stray(ring: shard.ring) }
            stray.ring.cancel(nil)
            stray.ring.turn(waitingUntil: Instant(nanoseconds: 0))
        }
    }

    /// Takes a ring off its shard, as only a hole in the compiler's checks or this can.
    private struct Stray: @unchecked Sendable {
        let ring: Ring
    }

    /// A shard that has stopped gives back its ring's descriptors and memory.
    @Test func aStoppedShardLeavesNothingBehind() async throws {
        weak var ring: Ring?
        do {
            let shard = try Shard(allowing: allowedFeatures)
            let thread = shard.start()
            ring = await shard.perform { Stray(ring: $0.ring) }.ring
            #expect(ring != nil)
            await shard.stop()
            thread.join()
        }
        for _ in 0..<100 where ring != nil { await Task.yield() }
        #expect(ring == nil)
    }
}
