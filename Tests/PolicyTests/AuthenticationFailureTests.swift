import Ring
import Testing
import Wire

@testable import Policy

/// Who fails too often to authenticate.
@Suite struct AuthenticationFailureTests {
    private static let joe = Array("joe".utf8)
    private static let start = Instant(nanoseconds: 1_000_000_000)

    private static func limits(address: Int = 0, user: Int = 0, delay: Duration = .zero) -> AuthenticationFailureLimits
    {
        var limits = AuthenticationFailureLimits()
        limits.perAddress = AuthenticationFailureLimits.Rate(max: address, period: .seconds(60))
        limits.perUser = AuthenticationFailureLimits.Rate(max: user, period: .seconds(60))
        limits.delay = delay
        return limits
    }

    private static func facts(_ octets: UInt8...) -> SessionFacts {
        sessionFacts(from: SocketAddress(octets: octets, port: 4711))
    }

    @Test func anAddressReachesItsLimit() {
        let failures = AuthenticationFailures()
        let limits = Self.limits(address: 3)
        let facts = Self.facts(192, 0, 2, 1)
        for number in 0..<3 {
            #expect(failures.subjectAtLimit(of: facts, as: Self.joe, limits, at: Self.start) == nil)
            _ = failures.note(facts, as: Array("u\(number)".utf8), limits, at: Self.start)
        }
        #expect(failures.subjectAtLimit(of: facts, as: Self.joe, limits, at: Self.start) == .address)
        #expect(failures.subjectAtLimit(of: Self.facts(192, 0, 2, 2), as: Self.joe, limits, at: Self.start) == nil)
        // From the first failure on, and then anew.
        let before = Self.start + .milliseconds(59_999)
        let after = Self.start + .seconds(60)
        #expect(failures.subjectAtLimit(of: facts, as: Self.joe, limits, at: before) == .address)
        #expect(failures.subjectAtLimit(of: facts, as: Self.joe, limits, at: after) == nil)
        _ = failures.note(facts, as: Self.joe, limits, at: after)
        #expect(failures.subjectAtLimit(of: facts, as: Self.joe, limits, at: after) == nil)
    }

    @Test func aSiteOfIPv6IsOneAddress() {
        let failures = AuthenticationFailures()
        let limits = Self.limits(address: 1)
        let first = Self.facts(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1)
        let second = Self.facts(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9)
        let other = Self.facts(0x20, 1, 0xd, 0xb8, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1)
        _ = failures.note(first, as: [], limits, at: Self.start)
        #expect(failures.subjectAtLimit(of: second, as: [], limits, at: Self.start) == .address)
        #expect(failures.subjectAtLimit(of: other, as: [], limits, at: Self.start) == nil)
    }

    @Test func aUserReachesTheLimitFromManyAddresses() {
        let failures = AuthenticationFailures()
        let limits = Self.limits(user: 2)
        _ = failures.note(Self.facts(192, 0, 2, 1), as: Self.joe, limits, at: Self.start)
        _ = failures.note(Self.facts(192, 0, 2, 2), as: Array("JOE".utf8), limits, at: Self.start)
        let facts = Self.facts(192, 0, 2, 3)
        #expect(failures.subjectAtLimit(of: facts, as: Array("Joe".utf8), limits, at: Self.start) == .user)
        #expect(failures.subjectAtLimit(of: facts, as: Array("jim".utf8), limits, at: Self.start) == nil)
        #expect(failures.subjectAtLimit(of: facts, as: [], limits, at: Self.start) == nil)
    }

    @Test func theDelayGrows() {
        let failures = AuthenticationFailures()
        let limits = Self.limits(address: 20, delay: .seconds(1))
        let delays = (0..<8).map { _ in failures.note(Self.facts(192, 0, 2, 1), as: [], limits, at: Self.start) }
        #expect(delays == [1, 2, 4, 8, 16, 32, 32, 32].map { .seconds($0) })
        let uncounted = Self.limits(delay: .seconds(1))
        for _ in 0..<3 {
            #expect(failures.note(Self.facts(192, 0, 2, 2), as: [], uncounted, at: Self.start) == .seconds(1))
        }
    }

    @Test func someAreExempt() throws {
        let failures = AuthenticationFailures()
        var limits = Self.limits(address: 1, user: 2, delay: .seconds(1))
        limits.exempt = [try IPNetwork("192.0.2.0/24")]
        let facts = Self.facts(192, 0, 2, 1)
        for _ in 0..<2 { #expect(failures.note(facts, as: Self.joe, limits, at: Self.start) == .zero) }
        #expect(failures.subjectAtLimit(of: facts, as: [], limits, at: Self.start) == nil)
        #expect(failures.subjectAtLimit(of: facts, as: Self.joe, limits, at: Self.start) == .user)
    }

    /// What there is to remember has a bound, and nobody gets out by filling it.
    @Test func nobodyDrivesOutWhoIsAtTheLimit() {
        let failures = AuthenticationFailures()
        let limits = Self.limits(user: 3)
        let facts = Self.facts(192, 0, 2, 1)
        for _ in 0..<3 { _ = failures.note(facts, as: Self.joe, limits, at: Self.start) }
        let bound = AuthenticationFailures.stripesMax * AuthenticationFailures.entriesMax
        for number in 0..<2 * bound {
            _ = failures.note(facts, as: Array("u\(number)".utf8), limits, at: Self.start + .nanoseconds(number))
        }
        #expect(failures.count <= bound)
        #expect(failures.subjectAtLimit(of: facts, as: Self.joe, limits, at: Self.start) == .user)
        // Where all are at their limits, they stay.
        let one = Self.limits(user: 1)
        let full = AuthenticationFailures()
        for number in 0..<2 * bound { _ = full.note(facts, as: Array("u\(number)".utf8), one, at: Self.start) }
        #expect(full.count == bound)
        #expect(full.subjectAtLimit(of: facts, as: Array("u0".utf8), one, at: Self.start) == .user)
        // Those whose time is over make room.
        let later = Self.start + .seconds(60)
        _ = full.note(facts, as: Self.joe, one, at: later)
        #expect(full.subjectAtLimit(of: facts, as: Self.joe, one, at: later) == .user)
    }
}
