import CLinux
import Glibc
import Testing

@testable import Ring

@Suite struct PollTests {
    /// A poll and what it has told.
    private final class Watched {
        let pair: Pair
        private(set) var poll: Poll!
        private(set) var told: [PollEvents] = []
        /// What is done when it tells something.
        var reaction: (Watched) -> Void = { _ in }

        init(_ ring: Ring, _ pair: Pair = Pair()) {
            self.pair = pair
            poll = Poll(ring, pair.ours) { [unowned self] events in
                told.append(events)
                reaction(self)
            }
        }

        /// Takes what has come, so that it is told no more.
        func take() {
            var block = [UInt8](repeating: 0, count: 64)
            recv(pair.ours, &block, block.count, Int32(LINUX_MSG_DONTWAIT.rawValue))
        }

        func closeAll() {
            poll.watch([])
            close(pair.ours)
            close(pair.theirs)
        }
    }

    @Test func goesOnUntilItIsCalledOff() async throws {
        try await withShard { shard in
            let ring = shard.ring
            let before = ring.operationsInFlight
            let watched = Watched(ring)
            watched.reaction = { $0.take() }
            watched.poll.watch(.readable)
            await ring.nextTurn()
            #expect(watched.told.isEmpty)
            for round in 1...3 {
                watched.pair.say("x")
                #expect(await ring.eventually { watched.told.count == round })
            }
            #expect(watched.told.allSatisfy { $0 == .readable })
            watched.poll.watch([])
            watched.pair.say("x")
            #expect(await ring.eventually { ring.operationsInFlight == before })
            #expect(watched.told.count == 3)
            watched.closeAll()
        }
    }

    @Test func whatIsWantedMayChangeAtAnyTime() async throws {
        try await withShard { shard in
            let ring = shard.ring
            let watched = Watched(ring)
            watched.poll.watch(.readable)
            watched.reaction = { $0.poll.watch(.readable) }
            watched.poll.watch([.readable, .writable])
            #expect(await ring.eventually { watched.told == [.writable] })
            watched.reaction = { $0.poll.watch([]) }
            watched.pair.say("x")
            #expect(await ring.eventually { watched.told == [.writable, .readable] })
            await ring.nextTurn()
            #expect(watched.told.count == 2)
            watched.closeAll()
        }
    }

    /// The completion is there already when the watch is called off: it is not told.
    @Test func nothingIsToldAfterTheEnd() async throws {
        try await withShard { shard in
            let ring = shard.ring
            let before = ring.operationsInFlight
            let (first, second) = (Watched(ring), Watched(ring))
            // Each calls the other off: one of them is told, although both have something to tell.
            first.reaction = { [unowned second] in
                second.poll.watch([])
                $0.poll.watch([])
            }
            second.reaction = { [unowned first] in
                first.poll.watch([])
                $0.poll.watch([])
            }
            first.pair.say("x")
            second.pair.say("x")
            first.poll.watch(.readable)
            second.poll.watch(.readable)
            #expect(await ring.eventually { ring.operationsInFlight == before })
            #expect(first.told.count + second.told.count == 1)
            first.closeAll()
            second.closeAll()
        }
    }

    /// The descriptor's number is used again at once, as libraries do.
    @Test func aNumberThatComesBackIsAnother() async throws {
        try await withShard { shard in
            let ring = shard.ring
            let before = ring.operationsInFlight
            let first = Watched(ring)
            first.poll.watch(.readable)
            await ring.nextTurn()
            first.poll.watch([])
            close(first.pair.ours)
            let second = Watched(ring)
            second.poll.watch(.readable)
            first.pair.say("x")
            second.pair.say("x")
            second.reaction = { $0.take() }
            #expect(await ring.eventually { second.told.count == 1 })
            #expect(first.told.isEmpty)
            close(first.pair.theirs)
            second.closeAll()
            #expect(await ring.eventually { ring.operationsInFlight == before })
        }
    }

    @Test func aDescriptorThatIsNoneHasFailedOnce() async throws {
        try await withShard { shard in
            let ring = shard.ring
            var told: [PollEvents] = []
            let poll = Poll(ring, Int32.max) { told.append($0) }
            poll.watch(.readable)
            #expect(await ring.eventually { !told.isEmpty })
            await ring.nextTurn()
            #expect(told == [.failed])
        }
    }

    @Test func onceIsAnsweredOnce() async throws {
        try await withShard { shard in
            let ring = shard.ring
            let pair = Pair.tcp()
            var events: PollEvents?
            await together(
                shard,
                [
                    { events = try? await ring.poll(pair.ours, for: [.readable, .peerFinished]) },
                    { pair.finish() },
                ])
            #expect(events == [.readable, .peerFinished])
            #expect((try? await ring.poll(pair.ours, for: .writable))?.contains(.writable) == true)
            pair.reset()
            #expect((try? await ring.poll(pair.ours, for: []))?.contains([.failed, .hungUp]) == true)
            close(pair.ours)
        }
    }

    @Test func onceHasADeadline() async throws {
        try await withShard { shard in
            let ring = shard.ring
            let before = ring.operationsInFlight
            let pair = Pair()
            for patience in [Duration.zero, .milliseconds(30)] {
                let start = ring.now
                let error = await failure { () async throws(StreamError) in
                    _ = try await ring.poll(pair.ours, for: .readable, deadline: start + patience)
                }
                #expect(error == .timedOut)
                #expect(ring.now >= start + patience)
            }
            let error = await failure { () async throws(StreamError) in
                _ = try await ring.poll(Int32.max, for: .readable)
            }
            #expect(error == .system(EBADF))
            #expect(ring.operationsInFlight == before)
            close(pair.ours)
            pair.hangUp()
        }
    }

    @Test func aTimerCallsBackOnceForEachMoment() async throws {
        try await withShard { shard in
            let ring = shard.ring
            var calls = 0
            let timer = Timer(ring) { calls += 1 }
            timer.deadline = ring.now + .milliseconds(10)
            #expect(await ring.eventually { calls == 1 })
            #expect(timer.deadline == .never)
            timer.deadline = ring.now
            #expect(await ring.eventually { calls == 2 })
            timer.deadline = ring.now + .milliseconds(1)
            timer.deadline = .never
            let other = Alarm()
            await other.sleep(on: ring, until: ring.now + .milliseconds(40))
            #expect(calls == 2)
        }
    }

    /// One of two timers that are due in the same turn moves the other.
    @Test func aTimerThatIsMovedWhileItIsDueWaits() async throws {
        try await withShard { shard in
            let ring = shard.ring
            var calls: [Int] = []
            var timers: [Timer] = []
            for number in 0..<2 {
                timers.append(
                    Timer(ring) {
                        calls.append(number)
                        timers[1 - number].deadline = .never
                    })
            }
            let moment = ring.now + .milliseconds(5)
            for timer in timers { timer.deadline = moment }
            #expect(await ring.eventually { !calls.isEmpty })
            await ring.sleep(until: ring.now + .milliseconds(40))
            #expect(calls.count == 1)
            timers.removeAll()
        }
    }

    /// A task that has just been made may not have reached its sleep yet when somebody ends that.
    @Test func aSleepThatIsAboutToBeginCanBeEnded() async throws {
        try await withShard { shard in
            let ring = shard.ring
            var hasWoken = false
            let alarm = Alarm()
            shard.spawn {
                await alarm.sleep(on: ring, until: .never)
                hasWoken = true
            }
            alarm.turnOff()
            #expect(await ring.eventually { hasWoken })
        }
    }
}
