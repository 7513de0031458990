import Lookup
import Ring
import Synchronization
import Testing

/// Resolutions by a scripted server.
@Suite struct ResolverTests {
    private static let first: [UInt8] = [192, 0, 2, 1]

    /// Answers A with `records` and AAAA with none.
    private static func ipv4(_ question: Question, _ records: [Record]) -> [[UInt8]] {
        [question.answer(question.type == .a ? records : [])]
    }

    /// What `mx.example` resolves to by a server with this script.
    private static func resolve(
        _ name: String = "mx.example", _ change: @Sendable (inout ResolverConfiguration) -> Void = { _ in },
        by script: @escaping DNSServer.Script
    ) async throws -> Result<Resolution, ResolutionError> {
        let server = try DNSServer(script)
        return try await withResolver([server], change) { shard, resolver in
            await resolver.outcome(of: name, on: shard.ring)
        }
    }

    /// The first try is soon over; there are enough of them for a machine that is busy.
    private static func askOften(_ configuration: inout ResolverConfiguration) {
        configuration.timeout = .milliseconds(50)
        configuration.tries = 10
    }

    @Test func bothFamiliesAreAsked() async throws {
        let outcome = try await Self.resolve {
            [$0.answer([$0.type == .a ? .a([192, 0, 2, 1], seconds: 60) : .aaaa(1, seconds: 30)])]
        }
        let resolution = try outcome.get()
        #expect(Set(resolution.addresses) == [Self.first, Record.ipv6(1)])
        #expect(resolution.timeToLive == .seconds(30))
    }

    @Test func tenAddressesComeInTheirOrder() async throws {
        let all = (1...10).map { [192, 0, 2, UInt8($0)] as [UInt8] }
        let outcome = try await Self.resolve { Self.ipv4($0, all.map { .a($0) }) }
        #expect(try outcome.get() == Resolution(addresses: all, timeToLive: .seconds(300)))
    }

    @Test func addressesPastTheLimitAreDropped() async throws {
        let outcome = try await Self.resolve("mx.example", { $0.addressesLimit = 3 }) { question in
            Self.ipv4(question, (1...20).map { .a([192, 0, 2, $0]) })
        }
        #expect(try outcome.get().addresses == (1...3).map { [192, 0, 2, $0] })
    }

    /// Seconds of the record, and what they count as.
    @Test(arguments: [(0, 0), (1, 1), (86_400, 86_400), (1_000_000, 86_400), (1 << 31, 0), (UInt32.max, 0)])
    func theTimeToLiveIsTheRecords(seconds: UInt32, counts: Int) async throws {
        let outcome = try await Self.resolve { Self.ipv4($0, [.a(Self.first, seconds: seconds)]) }
        #expect(try outcome.get().timeToLive == .seconds(counts))
    }

    @Test func anAliasHasATimeToLiveToo() async throws {
        let outcome = try await Self.resolve { question in
            var target = Record.a(Self.first, seconds: 600)
            target.name = Record.encoded("real.example")
            return Self.ipv4(question, [.alias("real.example", seconds: 7), target])
        }
        #expect(try outcome.get() == Resolution(addresses: [Self.first], timeToLive: .seconds(7)))
    }

    @Test func aNameThatDoesNotExistIsNotFound() async throws {
        #expect(try await Self.resolve { [$0.answer(code: .noSuchName)] } == .failure(.notFound))
    }

    @Test func aNameWithoutAnAddressHasNone() async throws {
        #expect(try await Self.resolve { [$0.answer()] } == .failure(.noAddress))
    }

    @Test func serversThatFailAreSaid() async throws {
        for code in [Question.Code.serverFailure, .refused, .notImplemented] {
            let outcome = try await Self.resolve { [$0.answer(code: code)] }
            #expect(outcome == .failure(.serverFailed("each could not be reached, failed or refused")))
        }
        let outcome = try await Self.resolve { [$0.answer(code: .formatError)] }
        guard case .failure(.serverFailed) = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test func oneFamilyIsEnough() async throws {
        let outcome = try await Self.resolve { question in
            [question.type == .a ? question.answer([.a(Self.first)]) : question.answer(code: .serverFailure)]
        }
        #expect(try outcome.get().addresses == [Self.first])
    }

    /// The next server is asked where one fails.
    @Test func anotherServerMayKnow() async throws {
        let failing = try DNSServer { [$0.answer(code: .serverFailure)] }
        let knowing = try DNSServer { Self.ipv4($0, [.a(Self.first)]) }
        let outcome = try await withResolver([failing, knowing]) { shard, resolver in
            await resolver.outcome(of: "mx.example", on: shard.ring)
        }
        #expect(try outcome.get().addresses == [Self.first])
        #expect(failing.questions == 2 && knowing.questions == 2)
    }

    @Test func aQuestionThatIsLostIsAskedAgain() async throws {
        let outcome = try await Self.resolve("mx.example", Self.askOften) {
            $0.attempt == 1 ? [] : Self.ipv4($0, [.a(Self.first)])
        }
        #expect(try outcome.get().addresses == [Self.first])
    }

    /// The first question is answered only once the second has come.
    @Test func aLateAnswerCounts() async throws {
        let held = Held()
        let outcome = try await Self.resolve("mx.example", Self.askOften) { question in
            guard question.type == .a else { return [question.answer()] }
            if question.attempt == 1 {
                held.keep(question.answer([.a(Self.first)]))
                return []
            }
            return [held.take()]
        }
        #expect(try outcome.get().addresses == [Self.first])
    }

    /// An answer kept from one question to the next.
    private final class Held: Sendable {
        private let answer = Locked([UInt8]())

        func keep(_ bytes: [UInt8]) { answer.withLock { $0 = bytes } }
        func take() -> [UInt8] { answer.withLock { $0 } }
    }

    @Test func silenceTimesOut() async throws {
        let server = try DNSServer { _ in [] }
        let outcome = try await withResolver([server], { $0.timeout = .milliseconds(30) }) { shard, resolver in
            let outcome = await resolver.outcome(of: "mx.example", on: shard.ring)
            #expect(resolver.namesInFlight == 0)
            #expect(await shard.ring.eventually { server.questions == 4 })
            return outcome
        }
        #expect(outcome == .failure(.timedOut))
    }

    /// What does not belong to the question is passed over; the answer comes behind it.
    @Test(arguments: [false, true])
    func strangersAnswersAreIgnored(garbage: Bool) async throws {
        let outcome = try await Self.resolve { question in
            var stranger = question.answer([.a([203, 0, 113, 66]), .aaaa(66)])
            stranger[0] ^= 0x55
            let noise: [[UInt8]] = [[], [0], [UInt8](repeating: 0xff, count: 11), Array(stranger.prefix(20))]
            return (garbage ? noise : [stranger]) + Self.ipv4(question, [.a(Self.first)])
        }
        #expect(try outcome.get().addresses == [Self.first])
    }

    /// Every prefix of an answer, and every one with a byte changed: an outcome, and no harm.
    @Test func damagedAnswersDoNoHarm() async throws {
        let server = try DNSServer { question in
            var message = question.answer([
                .alias("a.b.c", seconds: 1), .a(Self.first), .a([1, 2, 3, 4]), .aaaa(1),
            ])
            guard let number = question.name.split(separator: ".").first.flatMap({ Int($0) }) else { return [message] }
            let place = 2 + number / 2 % (message.count - 2)
            if number % 2 == 0 {
                message = Array(message[..<place])
            } else {
                message[place] ^= UInt8(number & 0xff) | 1
            }
            return [message]
        }
        try await withResolver([server], { $0.timeout = .milliseconds(20) }) { shard, resolver in
            for number in 0..<220 { _ = await resolver.outcome(of: "\(number).example", on: shard.ring) }
            #expect(resolver.namesInFlight == 0)
        }
    }

    @Test func aTruncatedAnswerIsAskedForOverTCP() async throws {
        let all = (1...30).map { [192, 0, 2, UInt8($0)] as [UInt8] }
        let outcome = try await Self.resolve { question in
            guard question.isOverTCP else { return [question.answer(isTruncated: true)] }
            return Self.ipv4(question, all.map { .a($0) })
        }
        #expect(try outcome.get().addresses == all)
    }

    @Test func namesOfThisMachineAskNobody() async throws {
        let server = try DNSServer { [$0.answer(code: .serverFailure)] }
        try await withResolver([server]) { shard, resolver in
            let names: [(String, [UInt8])] = [
                ("localhost", [127, 0, 0, 1]), ("127.0.0.1", [127, 0, 0, 1]), ("2001:db8::7", Record.ipv6(7)),
            ]
            for (name, address) in names {
                let outcome = await resolver.outcome(of: name, on: shard.ring)
                guard case .success(let resolution) = outcome else {
                    Issue.record("\(name): \(outcome)")
                    continue
                }
                #expect(resolution.addresses.contains(address))
                #expect(resolution.timeToLive == .seconds(60))
            }
        }
        #expect(server.questions == 0)
    }

    @Test(arguments: ["", "a b", "a\0b", "ä.example", "a\\.b", String(repeating: "x", count: 255)])
    func whatIsNoNameAsksNobody(name: String) async throws {
        let server = try DNSServer { [$0.answer()] }
        let outcome = try await withResolver([server]) { shard, resolver in
            await resolver.outcome(of: name, on: shard.ring)
        }
        #expect(outcome == .failure(.badName))
        #expect(server.questions == 0)
    }

    @Test(arguments: [String(repeating: "x", count: 64), "a..b", String(repeating: "x.", count: 127), "-", "."])
    func namesAtTheLimitsHaveAnOutcome(name: String) async throws {
        _ = try await Self.resolve(name) { Self.ipv4($0, [.a(Self.first)]) }
    }

    @Test func aUnixSocketIsNoNameServer() async throws {
        let address = try #require(SocketAddress(unix: "/run/dns"))
        let shard = try Shard()
        let thread = shard.start()
        await shard.perform { shard in
            var configuration = ResolverConfiguration()
            configuration.servers = [address]
            do throws(ResolutionError) {
                try Resolver(shard.ring, configuration).close()
                Issue.record("opened")
            } catch {
                #expect(error == .unusable("a server is a Unix socket"))
            }
        }
        await shard.stop()
        thread.join()
    }
}
