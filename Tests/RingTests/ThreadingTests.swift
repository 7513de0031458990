import CLinux
import Glibc
import Testing

@testable import Ring

/// What crosses threads: posts, offloaded work, queues, locks.
@Suite struct ThreadingTests {
    /// A list that threads share.
    private final class Shared<Element: Sendable>: Sendable {
        private let list = Locked<[Element]>([])
        var all: [Element] { list.withLock { $0 } }
        func append(_ element: Element) { list.withLock { $0.append(element) } }
    }

    @Test func postsComeInOrderAndOnTheShardsThread() async throws {
        try await withShard { shard in
            let seen = Shared<(Int, UInt64)>()
            let thread = Thread.start(name: "poster") { [executor = shard.executor] in
                for number in 0..<1_000 { executor.post { seen.append((number, linux_thread_token())) } }
            }
            #expect(await shard.ring.eventually { seen.all.count == 1_000 })
            thread.join()
            let token = linux_thread_token()
            #expect(seen.all.map(\.0) == Array(0..<1_000))
            #expect(seen.all.allSatisfy { $0.1 == token })
        }
    }

    @Test func postsFromManyThreadsAllArrive() async throws {
        try await withShard { shard in
            let seen = Shared<Int>()
            let threads = (0..<8).map { number in
                Thread.start(name: "poster \(number)") { [executor = shard.executor] in
                    for index in 0..<500 { executor.post { seen.append(number * 1_000 + index) } }
                }
            }
            #expect(await shard.ring.eventually { seen.all.count == 4_000 })
            for thread in threads { thread.join() }
            for number in 0..<8 {
                #expect(seen.all.filter { $0 / 1_000 == number }.map { $0 % 1_000 } == Array(0..<500))
            }
        }
    }

    /// A shard that sleeps wakes up for each single post: none waits for the next.
    @Test func aPostWakesASleepingShard() async throws {
        try await withShard { shard in
            let turns = Shared<Int>()
            let thread = Thread.start(name: "poster") {
                for number in 0..<50 {
                    shard.post { _ in turns.append(number) }
                    while turns.all.count <= number { sched_yield() }
                }
            }
            // Nothing of this task makes turns meanwhile.
            let end = Pair()
            let stream = Stream(shard.ring, descriptor: end.ours)
            let teller = Thread.start(name: "teller") {
                thread.join()
                end.say("done")
            }
            #expect(await stream.read() == "done")
            teller.join()
            #expect(turns.all == Array(0..<50))
            await stream.close()
            end.hangUp()
        }
    }

    @Test func twoShardsPlayPingPong() async throws {
        let shards = try (0..<2).map { try Shard(number: $0, allowing: allowedFeatures) }
        let threads = shards.map { $0.start() }
        let (left, right) = (shards[0], shards[1])
        await withUnsafeContinuation { (done: UnsafeContinuation<Void, Never>) in
            @Sendable func ping(_ left: Int) {
                shards[left % 2].post { shard in
                    precondition(shard.number == left % 2)
                    if left == 0 { done.resume() } else { ping(left - 1) }
                }
            }
            ping(2_000)
        }
        for shard in [left, right] { await shard.stop() }
        for thread in threads { thread.join() }
    }

    /// More jobs at once than the queue begins with, in their order.
    @Test func manyReadyJobsRunInOrder() async throws {
        try await withShard { shard in
            var order: [Int] = []
            let done = Countdown(5_000)
            for number in 0..<5_000 {
                shard.spawn {
                    await Task.yield()
                    order.append(number)
                    await Task.yield()
                    done.arrive()
                }
            }
            await done.wait()
            #expect(order == Array(0..<5_000))
        }
    }

    @Test func offloadedWorkComesBackToTheShard() async throws {
        let offload = Offload(threads: 2)
        try await withShard { shard in
            let token = linux_thread_token()
            for number in 0..<100 {
                let result = try? await offload.run { (number * 2, linux_thread_token()) }
                #expect(result?.0 == number * 2)
                #expect(result?.1 != token)
                #expect(linux_thread_token() == token)
            }
        }
        offload.close()
    }

    @Test func offloadRefusesPastItsLimitAndAfterItsEnd() async throws {
        let offload = Offload(threads: 1, jobsLimit: 2)
        let gate = BlockingQueue<Int>(limit: 1)
        try await withShard { shard in
            let done = Countdown(3)
            let started = Shared<Bool>()
            for index in 0..<3 {
                shard.spawn {
                    let result = try? await offload.run {
                        started.append(true)
                        return gate.pop() == nil
                    }
                    #expect(result == true)
                    done.arrive()
                }
                // The first one has to be at work, or it would count as waiting.
                if index == 0 { #expect(await shard.ring.eventually { !started.all.isEmpty }) }
            }
            await #expect(throws: Offload.Refused.self) { try await offload.run { 0 } }
            gate.close()
            await done.wait()
        }
        offload.close()
        await #expect(throws: Offload.Refused.self) { try await offload.run { 0 } }
    }

    /// Of three jobs one is at work, and one waits, when their askers have waited enough; the third never begins.
    @Test func offloadedWorkIsNotWaitedForWithoutEnd() async throws {
        let offload = Offload(threads: 1)
        let gate = BlockingQueue<Int>(limit: 1)
        let begun = Shared<Int>()
        try await withShard { shard in
            let patiences = [Patience(), Patience(), Patience()]
            let done = Countdown(3)
            patiences[2].end()
            for (index, patience) in patiences.enumerated() {
                shard.spawn {
                    let result = try? await offload.run(for: patience) {
                        begun.append(index)
                        return gate.pop() == nil
                    }
                    #expect(result == .some(nil))
                    done.arrive()
                }
                if index == 0 { #expect(await shard.ring.eventually { !begun.all.isEmpty }) }
            }
            for patience in patiences { patience.end() }
            await done.wait()
            let patience = Patience()
            gate.close()
            let result = try? await offload.run(for: patience) { 7 }
            #expect(result == 7 && patience.isOver)
            patience.end()
        }
        offload.close()
        #expect(begun.all == [0])
        await #expect(throws: Offload.Refused.self) { try await offload.run(for: Patience()) { 0 } }
    }

    @Test func offloadEndsWithoutTheJobThatStays() async throws {
        let offload = Offload(threads: 2)
        let begun = Shared<Bool>()
        let gate = BlockingQueue<Int>(limit: 1)
        try await withShard { shard in
            let done = Countdown(1)
            shard.spawn {
                _ = try? await offload.run {
                    begun.append(true)
                    return gate.pop()
                }
                done.arrive()
            }
            #expect(await shard.ring.eventually { !begun.all.isEmpty })
            offload.close(within: .milliseconds(1))
            gate.close()
            await done.wait()
        }
    }

    @Test func aBlockingQueueKeepsItsOrderAndItsLimit() {
        let queue = BlockingQueue<Int>(limit: 3)
        #expect(queue.push(1) && queue.push(2) && queue.push(3))
        #expect(!queue.push(4))
        #expect(queue.pop() == 1)
        #expect(queue.popAll() == [2, 3])
        #expect(queue.push(5))
        queue.close()
        #expect(!queue.push(6))
        #expect(queue.pop() == 5)
        #expect(queue.pop() == nil)
        #expect(queue.popAll() == nil)
    }

    @Test func aBlockingQueueHandsEverythingToSomebodyOnce() {
        let queue = BlockingQueue<Int>(limit: 10_000)
        let seen = Shared<Int>()
        let poppers = (0..<4).map { number in
            Thread.start(name: "popper \(number)") {
                while let value = number == 0 ? queue.popAll() : queue.pop().map({ [$0] }) {
                    value.forEach(seen.append)
                }
            }
        }
        let pushers = (0..<4).map { number in
            Thread.start(name: "pusher \(number)") { for index in 0..<500 { _ = queue.push(number * 500 + index) } }
        }
        for thread in pushers { thread.join() }
        queue.close()
        for thread in poppers { thread.join() }
        #expect(seen.all.sorted() == Array(0..<2_000))
    }

    @Test func aLockLetsOneInAtATime() {
        final class Sum: Sendable { let value = Locked(0) }
        let sum = Sum()
        let threads = (0..<4).map { number in
            Thread.start(name: "adder \(number)") { for _ in 0..<5_000 { sum.value.withLock { $0 += 1 } } }
        }
        for thread in threads { thread.join() }
        #expect(sum.value.withLock { $0 } == 20_000)
    }

    @Test func aThreadHasItsNameCutToTheKernelsLength() {
        let name = BlockingQueue<String>(limit: 1)
        let thread = Thread.start(name: "a name that is far too long") {
            var buffer = [CChar](repeating: 0, count: 32)
            readThreadName(&buffer)
            _ = name.push(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        #expect(name.pop() == "a name that is ")
        thread.join()
    }
}

/// The calling thread's name.
private func readThreadName(_ buffer: inout [CChar]) {
    guard let file = fopen("/proc/thread-self/comm", "r") else { return }
    defer { fclose(file) }
    let length = fread(&buffer, 1, buffer.count - 1, file)
    if length > 0 { buffer[length - 1] = 0 }
}
