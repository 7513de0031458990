import Lookup
import Policy
import Ring
import Telemetry
import TestSupport
import Testing

/// What is remembered of a map's answers, and for how long.
@Suite struct CachedMapTests {
    /// Says what a test has it say, and counts.
    private final class Scripted: Map {
        let name = "scripted"
        private(set) var questions = 0
        var answer: MapAnswer = .missing
        /// Where it is not nil, an answer waits for it.
        var gate: Alarm?
        private let ring: Ring

        init(on ring: Ring) { self.ring = ring }

        func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer {
            questions += 1
            if let gate {
                await cancellation.whileWatched({ gate.turnOff() }) { await gate.sleep(on: ring, until: .never) }
            }
            return cancellation.isCancelled ? .failed : answer
        }
    }

    private static func key(_ text: String) -> MapKey { MapKey(.domain, Array(text.utf8)) }
    private static func found(_ text: String) -> MapAnswer { .found(MapEntry(server: Array(text.utf8))) }

    private static func caching(
        _ rules: CachedMap.Rules, _ body: @escaping @Sendable (isolated Shard, Scripted, CachedMap) async -> Void
    ) async throws {
        try await onShard { shard in
            let map = Scripted(on: shard.ring)
            await body(shard, map, CachedMap(map, rules, on: shard.ring))
        }
    }

    /// Lets a time pass, which the shard's own clock has to see.
    private static func pass(_ time: Duration, on ring: Ring) async { await ring.sleep(until: ring.now + time) }

    @Test func anAnswerIsUsedForItsTime() async throws {
        try await Self.caching(.init(timeToLive: .milliseconds(200))) { shard, map, cache in
            map.answer = Self.found("one")
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == Self.found("one"))
            map.answer = Self.found("two")
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == Self.found("one"))
            #expect(await cache.look(up: Self.key("b"), cancellation: Cancellation()) == Self.found("two"))
            #expect(map.questions == 2)
            await Self.pass(.milliseconds(250), on: shard.ring)
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == Self.found("two"))
            #expect(map.questions == 3)
        }
    }

    /// Keys of two kinds are two, whatever their text.
    @Test func kindsAreToldApart() async throws {
        try await Self.caching(.init(timeToLive: .seconds(60))) { shard, map, cache in
            map.answer = Self.found("one")
            _ = await cache.look(up: MapKey(.domain, [1]), cancellation: Cancellation())
            map.answer = .missing
            #expect(await cache.look(up: MapKey(.sender, [1]), cancellation: Cancellation()) == .missing)
        }
    }

    @Test(arguments: [0, 60]) func whatIsMissingHasATimeOfItsOwn(seconds: Int) async throws {
        try await Self.caching(.init(timeToLive: .seconds(60), missesTimeToLive: .seconds(seconds))) { _, map, cache in
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == .missing)
            map.answer = Self.found("one")
            let answer = await cache.look(up: Self.key("a"), cancellation: Cancellation())
            #expect(answer == (seconds == 0 ? Self.found("one") : .missing))
        }
    }

    @Test func aFailureIsNotRemembered() async throws {
        try await Self.caching(.init(timeToLive: .seconds(60), missesTimeToLive: .seconds(60))) { _, map, cache in
            map.answer = .failed
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == .failed)
            map.answer = Self.found("one")
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == Self.found("one"))
        }
    }

    /// For a while, and without asking each time.
    @Test func whatWasFoundOutlivesItsSource() async throws {
        let rules = CachedMap.Rules(timeToLive: .zero, staleTime: .milliseconds(400))
        try await Self.caching(rules) { shard, map, cache in
            map.answer = Self.found("one")
            let begun = shard.ring.now
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == Self.found("one"))
            map.answer = .failed
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == Self.found("one"))
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == Self.found("one"))
            #expect(map.questions == 2 || shard.ring.now > begun + .milliseconds(400))
            await Self.pass(.milliseconds(450), on: shard.ring)
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == .failed)
        }
    }

    @Test func whatWasMissingDoesNot() async throws {
        let rules = CachedMap.Rules(
            timeToLive: .zero, missesTimeToLive: .milliseconds(50), staleTime: .seconds(60))
        try await Self.caching(rules) { shard, map, cache in
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == .missing)
            map.answer = .failed
            await Self.pass(.milliseconds(100), on: shard.ring)
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == .failed)
        }
    }

    /// What is gone from the source is gone.
    @Test func aLaterNoCounts() async throws {
        try await Self.caching(.init(timeToLive: .zero, staleTime: .seconds(60))) { _, map, cache in
            map.answer = Self.found("one")
            _ = await cache.look(up: Self.key("a"), cancellation: Cancellation())
            map.answer = .missing
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == .missing)
            map.answer = .failed
            #expect(await cache.look(up: Self.key("a"), cancellation: Cancellation()) == .failed)
        }
    }

    @Test func thereAreOnlySoManyEntries() async throws {
        try await Self.caching(.init(timeToLive: .seconds(60), entriesMax: 10)) { _, map, cache in
            for number in 0..<100 {
                map.answer = Self.found("\(number)")
                _ = await cache.look(up: Self.key("\(number)"), cancellation: Cancellation())
                // What is used all the time stays.
                #expect(await cache.look(up: Self.key("0"), cancellation: Cancellation()) == Self.found("0"))
            }
            #expect(map.questions == 100)
            map.answer = .missing
            var kept = 0
            for number in 0..<100 {
                if await cache.look(up: Self.key("\(number)"), cancellation: Cancellation()) != .missing { kept += 1 }
            }
            #expect(kept == 10)
        }
    }

    // MARK: What is counted

    /// What a tally says, in the order of its values: found, missing, failed, fresh, stale.
    private static func counts(_ tally: MapTally) -> [UInt64] { MapTally.Value.allCases.map { tally[$0] } }

    @Test func answersAreCountedByWhatTheyAreAndWhereTheyComeFrom() async throws {
        try await onShard { shard in
            let map = Scripted(on: shard.ring)
            let tally = MapTally()
            let rules = CachedMap.Rules(
                timeToLive: .milliseconds(200), missesTimeToLive: .seconds(60), staleTime: .seconds(60))
            let counted = CountedMap(CachedMap(map, rules, on: shard.ring, in: tally), in: tally)
            func ask(_ text: String) async -> MapAnswer {
                await counted.look(up: Self.key(text), cancellation: Cancellation())
            }
            #expect(await ask("nobody") == .missing)
            #expect(await ask("nobody") == .missing)
            #expect(Self.counts(tally) == [0, 2, 0, 1, 0])
            map.answer = Self.found("one")
            #expect(await ask("a") == Self.found("one"))
            #expect(Self.counts(tally) == [1, 2, 0, 1, 0])
            map.answer = .failed
            #expect(await ask("b") == .failed)
            #expect(Self.counts(tally) == [1, 2, 1, 1, 0])
            await Self.pass(.milliseconds(250), on: shard.ring)
            // The first asks the map, the second does not.
            let questions = map.questions
            for _ in 0..<2 { #expect(await ask("a") == Self.found("one")) }
            #expect(map.questions == questions + 1)
            #expect(Self.counts(tally) == [3, 2, 1, 1, 2])
        }
    }

    /// Each of those who ask at the same time gets an answer.
    @Test func whoWaitsForAnothersAnswerIsCounted() async throws {
        try await onShard { shard in
            let map = Scripted(on: shard.ring)
            let tally = MapTally()
            let rules = CachedMap.Rules(timeToLive: .zero, staleTime: .seconds(60))
            let counted = CountedMap(CachedMap(map, rules, on: shard.ring, in: tally), in: tally)
            map.answer = Self.found("one")
            _ = await counted.look(up: Self.key("a"), cancellation: Cancellation())
            map.answer = .failed
            let gate = Alarm()
            map.gate = gate
            var answers: [MapAnswer] = []
            for _ in 0..<3 {
                shard.spawn { answers.append(await counted.look(up: Self.key("a"), cancellation: Cancellation())) }
            }
            await Self.pass(.milliseconds(50), on: shard.ring)
            gate.turnOff()
            await Self.pass(.milliseconds(50), on: shard.ring)
            #expect(answers == [MapAnswer](repeating: Self.found("one"), count: 3))
            #expect(Self.counts(tally) == [4, 0, 0, 0, 3])
        }
    }

    @Test func whatIsTakenBackIsNotCounted() async throws {
        try await onShard { shard in
            let map = Scripted(on: shard.ring)
            let tally = MapTally()
            let counted = CountedMap(map, in: tally)
            map.gate = Alarm()
            let cancellation = Cancellation()
            var answer: MapAnswer?
            shard.spawn { answer = await counted.look(up: Self.key("a"), cancellation: cancellation) }
            await Self.pass(.milliseconds(50), on: shard.ring)
            cancellation.cancel()
            await Self.pass(.milliseconds(50), on: shard.ring)
            #expect(answer == .failed)
            #expect(Self.counts(tally) == [0, 0, 0, 0, 0])
        }
    }

    // MARK: At the same time

    @Test func oneKeyIsAskedForOnce() async throws {
        try await Self.caching(.init(timeToLive: .zero)) { shard, map, cache in
            map.answer = Self.found("one")
            let gate = Alarm()
            map.gate = gate
            var answers: [MapAnswer] = []
            for _ in 0..<5 {
                shard.spawn { answers.append(await cache.look(up: Self.key("a"), cancellation: Cancellation())) }
            }
            await Self.pass(.milliseconds(50), on: shard.ring)
            #expect(map.questions == 1 && answers.isEmpty)
            gate.turnOff()
            await Self.pass(.milliseconds(50), on: shard.ring)
            #expect(answers == [MapAnswer](repeating: Self.found("one"), count: 5))
        }
    }

    /// The one who asks goes; the others still want to know. And one of the others goes.
    @Test func whoGoesTakesNobodyAlong() async throws {
        try await Self.caching(.init(timeToLive: .zero)) { shard, map, cache in
            map.answer = Self.found("one")
            map.gate = Alarm()
            let cancellations = (0..<3).map { _ in Cancellation() }
            var answers = [MapAnswer?](repeating: nil, count: 3)
            for number in 0..<3 {
                shard.spawn {
                    answers[number] = await cache.look(up: Self.key("a"), cancellation: cancellations[number])
                }
            }
            await Self.pass(.milliseconds(50), on: shard.ring)
            cancellations[2].cancel()
            await Self.pass(.milliseconds(50), on: shard.ring)
            #expect(answers == [nil, nil, .failed])
            map.gate = nil
            cancellations[0].cancel()
            await Self.pass(.milliseconds(50), on: shard.ring)
            #expect(answers == [.failed, Self.found("one"), .failed])
            #expect(map.questions == 2)
        }
    }
}
