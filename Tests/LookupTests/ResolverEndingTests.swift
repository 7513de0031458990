import Lookup
import Ring
import Testing

/// Deadlines, limits and the end of a resolver.
@Suite struct ResolverEndingTests {
    @Test func theCallersDeadlineEndsItsWait() async throws {
        let server = try DNSServer { _ in [] }
        try await withResolver([server]) { shard, resolver in
            let ring = shard.ring
            let start = ring.now
            let deadline = start + .milliseconds(60)
            #expect(await resolver.outcome(of: "mx.example", on: ring, deadline: deadline) == .failure(.timedOut))
            #expect(ring.now >= deadline)
            // The library goes on; the end of the resolver ends that as well.
            #expect(resolver.namesInFlight == 1)
            #expect(await resolver.outcome(of: "mx.example", on: ring, deadline: ring.now) == .failure(.timedOut))
            #expect(resolver.namesInFlight == 1)
        }
    }

    /// The answer to a caller that has gone finds nobody.
    @Test func anAnswerAfterTheDeadlineIsDropped() async throws {
        let server = try DNSServer { $0.attempt == 1 ? [] : [$0.answer([.a([192, 0, 2, 1])])] }
        try await withResolver([server], { $0.timeout = .milliseconds(100) }) { shard, resolver in
            let ring = shard.ring
            let deadline = ring.now + .milliseconds(20)
            #expect(await resolver.outcome(of: "mx.example", on: ring, deadline: deadline) == .failure(.timedOut))
            #expect(await ring.eventually { resolver.namesInFlight == 0 })
        }
    }

    @Test func twoNamesAtOnceHaveTheirOwnAnswers() async throws {
        let server = try DNSServer { question in
            [question.answer(question.type == .a ? [.a([192, 0, 2, question.name == "one.example" ? 1 : 2])] : [])]
        }
        try await withResolver([server]) { shard, resolver in
            let ring = shard.ring
            var addresses: [String: [[UInt8]]] = [:]
            await together(
                shard,
                ["one.example", "two.example"].map { name in
                    { addresses[name] = try? await resolver.outcome(of: name, on: ring).get().addresses }
                })
            #expect(addresses == ["one.example": [[192, 0, 2, 1]], "two.example": [[192, 0, 2, 2]]])
        }
    }

    /// One is answered, one fails, one is given up, all while the others go on.
    @Test func manyNamesAtOnceDoNotDisturbEachOther() async throws {
        let server = try DNSServer { question in
            switch question.name.first {
            case "f": [question.answer(question.type == .a ? [.a([192, 0, 2, 1])] : [])]
            case "n": [question.answer(code: .noSuchName)]
            default: []
            }
        }
        try await withResolver([server]) { shard, resolver in
            let ring = shard.ring
            var counts: [String: Int] = [:]
            await together(
                shard,
                (0..<90).map { number in
                    {
                        let kind = ["found", "none", "silent"][number % 3]
                        let deadline = ring.now + (kind == "silent" ? .milliseconds(50) : .seconds(10))
                        let outcome = await resolver.outcome(
                            of: "\(kind)\(number).example", on: ring, deadline: deadline)
                        switch outcome {
                        case .success: counts["found", default: 0] += 1
                        case .failure(let error): counts["\(error)", default: 0] += 1
                        }
                    }
                })
            #expect(
                counts == [
                    "found": 30, ResolutionError.notFound.description: 30, ResolutionError.timedOut.description: 30,
                ])
            #expect(resolver.namesInFlight == 30)
        }
    }

    @Test func namesInFlightHaveALimit() async throws {
        let server = try DNSServer { _ in [] }
        try await withResolver([server], { $0.namesInFlightLimit = 2 }) { shard, resolver in
            let ring = shard.ring
            for _ in 0..<2 {
                let deadline = ring.now + .milliseconds(10)
                #expect(await resolver.outcome(of: "a.example", on: ring, deadline: deadline) == .failure(.timedOut))
            }
            #expect(await resolver.outcome(of: "a.example", on: ring) == .failure(.tooManyNames))
            #expect(await resolver.outcome(of: "localhost", on: ring) == .failure(.tooManyNames))
        }
    }

    @Test func closingEndsEveryWait() async throws {
        let server = try DNSServer { question in
            // Half-way: one family is answered, the other is not.
            question.type == .a && question.name == "half.example" ? [question.answer(code: .noSuchName)] : []
        }
        try await withResolver([server]) { shard, resolver in
            let ring = shard.ring
            var outcomes: [Result<Resolution, ResolutionError>] = []
            let names = ["half.example", "none.example", "third.example"]
            await together(
                shard,
                names.map { name in { outcomes.append(await resolver.outcome(of: name, on: ring)) } } + [
                    {
                        #expect(await ring.eventually { server.questions == 6 })
                        resolver.close()
                        resolver.close()
                    }
                ])
            #expect(outcomes == names.map { _ in .failure(.closed) })
            #expect(await resolver.outcome(of: "mx.example", on: ring) == .failure(.closed))
        }
    }

    /// A connection of the library's is closed with the resolver, though the ring was watching it.
    @Test func closingEndsConnectionsToo() async throws {
        let server = try DNSServer { $0.isOverTCP ? [] : [$0.answer(isTruncated: true)] }
        try await withResolver([server]) { shard, resolver in
            let ring = shard.ring
            await together(
                shard,
                [
                    { #expect(await resolver.outcome(of: "mx.example", on: ring) == .failure(.closed)) },
                    {
                        #expect(await ring.eventually { server.questions == 4 })
                        resolver.close()
                    },
                ])
        }
    }

    /// Nobody at the server's port: the system says so at once, and no try is waited for.
    @Test func aServerThatIsNotThereIsNotWaitedFor() async throws {
        let nobody = try SilencedPort()
        try await withResolver([], { $0.servers = [nobody.address] }) { shard, resolver in
            let ring = shard.ring
            let start = ring.now
            let outcome = await resolver.outcome(of: "mx.example", on: ring)
            #expect(outcome == .failure(.serverFailed("each could not be reached, failed or refused")))
            #expect(ring.now.nanoseconds(since: start) < 4_000_000_000)
        }
        withExtendedLifetime(nobody) {}
    }

    @Test func manyResolversLeaveNothing() async throws {
        let server = try DNSServer { [$0.answer($0.type == .a ? [.a([192, 0, 2, 1])] : [])] }
        for _ in 0..<5 {
            try await withResolver([server]) { shard, resolver in
                for number in 0..<20 {
                    #expect((try? await resolver.outcome(of: "n\(number).example", on: shard.ring).get()) != nil)
                }
            }
        }
    }
}
