import Lookup
import Ring
import Synchronization
import Testing

/// The name of an address, confirmed by the name's own addresses.
@Suite struct HostNameTests {
    private static let address: [UInt8] = [192, 0, 2, 1]
    private static let question = "1.2.0.192.in-addr.arpa"

    /// What `address` is called, by a server with these pointers and addresses.
    private static func name(
        of octets: [UInt8] = address, _ script: @escaping DNSServer.Script
    ) async throws -> HostName {
        let server = try DNSServer(script)
        return try await withResolver([server]) { shard, resolver in
            await resolver.hostName(of: octets, deadline: shard.ring.now + .seconds(10))
        }
    }

    /// A server that has one pointer for whatever it is asked, and one IPv4 address.
    private static func script(pointer: String, to octets: [UInt8], seconds: UInt32 = 300) -> DNSServer.Script {
        { question in
            switch question.type {
            case .pointer: [question.answer([.pointer(pointer)])]
            case .a: [question.answer([.a(octets, seconds: seconds)])]
            default: [question.answer()]
            }
        }
    }

    @Test func aNameThatLeadsBackIsTheHosts() async throws {
        let name = try await Self.name(Self.script(pointer: "mx.example.org", to: Self.address, seconds: 77))
        #expect(name == .known("mx.example.org", timeToLive: .seconds(77)))
    }

    @Test func aNameOfAnotherHostIsNone() async throws {
        #expect(try await Self.name(Self.script(pointer: "mx.example.org", to: [192, 0, 2, 2])) == .none)
    }

    @Test func anIPv6AddressHasANameToo() async throws {
        let name = try await Self.name(of: Record.ipv6(1)) { question in
            switch question.type {
            case .pointer:
                guard question.name.hasSuffix("8.b.d.0.1.0.0.2.ip6.arpa") else { return [question.answer()] }
                return [question.answer([.pointer("six.example")])]
            case .aaaa: return [question.answer([.aaaa(1)])]
            default: return [question.answer()]
            }
        }
        #expect(name == .known("six.example", timeToLive: .seconds(300)))
    }

    /// Of a network smaller than a zone (RFC 2317).
    @Test func anAliasOfThePointerIsFollowed() async throws {
        let name = try await Self.name { question in
            guard question.type == .pointer else { return Self.script(pointer: "", to: Self.address)(question) }
            guard question.name == Self.question else { return [question.answer(code: .noSuchName)] }
            var pointer = Record.pointer("mx.example.org")
            pointer.name = Record.encoded("1.0-63.2.0.192.in-addr.arpa")
            return [question.answer([.alias("1.0-63.2.0.192.in-addr.arpa", seconds: 60), pointer])]
        }
        #expect(name == .known("mx.example.org", timeToLive: .seconds(300)))
    }

    @Test func theFirstNameThatLeadsBackCounts() async throws {
        let name = try await Self.name { question in
            switch question.type {
            case .pointer: [question.answer([.pointer("a.example"), .pointer("b.example")])]
            case .a: [question.answer(question.name == "a.example" ? [.a(Self.address)] : [.a([192, 0, 2, 9])])]
            default: [question.answer()]
            }
        }
        #expect(name == .known("a.example", timeToLive: .seconds(300)))
    }

    @Test func noPointerIsNoName() async throws {
        #expect(try await Self.name { [$0.answer(code: .noSuchName)] } == .none)
        #expect(try await Self.name { [$0.answer()] } == .none)
    }

    @Test func noAddressIsNoName() async throws {
        for code in [Question.Code.noError, .noSuchName] {
            let name = try await Self.name { question in
                [question.type == .pointer ? question.answer([.pointer("a.example")]) : question.answer(code: code)]
            }
            #expect(name == .none)
        }
    }

    @Test(arguments: [RecordType.pointer, .a]) func aServerThatFailsIsSaid(_ type: RecordType) async throws {
        let name = try await Self.name { question in
            if type == .pointer || question.type != .pointer { return [question.answer(code: .serverFailure)] }
            return [question.answer([.pointer("a.example")])]
        }
        #expect(name == .failed)
    }

    @Test(arguments: [
        "a b.example", "a_b.example", "a\r\nEVIL.example", "\u{e4}.example", "a\\.example", "a/b.example",
    ])
    func oddNamesCountAsFailed(_ pointer: String) async throws {
        #expect(try await Self.name(Self.script(pointer: pointer, to: Self.address)) == .failed)
    }

    // MARK: Of many clients

    private static func withNames(
        _ ask: @escaping @Sendable (Ring) -> HostNames.Question,
        _ body: @escaping @Sendable (isolated Shard, HostNames) async -> Void
    ) async throws {
        let shard = try Shard()
        let thread = shard.start()
        await shard.perform { shard in
            await body(shard, HostNames(on: shard, ask(shard.ring)))
            #expect(await shard.ring.eventually { shard.liveTasks == 0 })
        }
        await shard.stop()
        thread.join()
    }

    @Test func oneQuestionIsEnoughForAll() async throws {
        let asked = Atomic(0)
        try await Self.withNames { ring in
            { _, _ in
                asked.add(1, ordering: .relaxed)
                await ring.sleep(until: ring.now + .milliseconds(20))
                return .known("a.example", timeToLive: .seconds(60))
            }
        } _: { shard, names in
            let (first, second) = (names.search(for: Self.address), names.search(for: Self.address))
            #expect(first.result == nil)
            await first.wait(Alarm(), on: shard.ring, until: .never)
            await second.wait(Alarm(), on: shard.ring, until: .never)
            #expect(second.result == .known("a.example", timeToLive: .seconds(60)))
            #expect(names.search(for: Self.address).result != nil)
            #expect(names.search(for: [192, 0, 2, 2]).result == nil)
        }
        #expect(asked.load(ordering: .relaxed) == 2)
    }

    @Test func aWaitMayBeGivenUp() async throws {
        let end = Locked(false)
        try await Self.withNames { ring in
            { _, _ in
                while !end.withLock({ $0 }) { await ring.sleep(until: ring.now) }
                return .none
            }
        } _: { shard, names in
            let alarm = Alarm()
            alarm.turnOff()
            let search = names.search(for: Self.address)
            await search.wait(alarm, on: shard.ring, until: .never)
            #expect(search.result == nil)
            await search.wait(Alarm(), on: shard.ring, until: shard.ring.now)
            #expect(search.result == nil)
            end.withLock { $0 = true }
            await search.wait(Alarm(), on: shard.ring, until: .never)
            #expect(search.result == HostName.none)
        }
    }

    /// More addresses than may be looked up at one time, and more than are kept.
    @Test func thereIsABound() async throws {
        let end = Locked(false)
        try await Self.withNames { ring in
            { _, _ in
                while !end.withLock({ $0 }) { await ring.sleep(until: ring.now) }
                return .none
            }
        } _: { shard, names in
            let searches = (0..<300).map { names.search(for: [10, 0, UInt8($0 >> 8), UInt8($0 & 255)]) }
            #expect(searches.filter { $0.result == nil }.count == 256)
            #expect(searches.last?.result == .failed)
            end.withLock { $0 = true }
            for search in searches { await search.wait(Alarm(), on: shard.ring, until: .never) }
            for number in 0..<10_000 { _ = names.search(for: [11, 0, UInt8(number >> 8), UInt8(number & 255)]) }
        }
    }
}
