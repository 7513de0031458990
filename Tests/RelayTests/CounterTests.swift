import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// Each counter moves when it should, and not when something else happens that looks much the same.
    @Suite struct CounterTests {
        @Test(arguments: Counter.allCases) func movesByExactlyOne(_ counter: Counter) throws {
            let story = try #require(CounterStories.all[counter], "no story moves \(counter)")
            #expect(try story.moves.total(of: counter) == story.by)
        }

        @Test(arguments: Counter.allCases) func doesNotMoveForItsNeighbour(_ counter: Counter) throws {
            let story = try #require(CounterStories.all[counter], "no story moves \(counter)")
            #expect(try story.nearMiss.total(of: counter) == 0)
        }
    }
}

/// What clients and upstream do in a test of a counter.
struct Story: Sendable {
    let setup: Setup
    let tell: @Sendable (TestRelay) throws -> Void

    init(_ setup: Setup = Setup(), _ tell: @escaping @Sendable (TestRelay) throws -> Void) {
        self.setup = setup
        self.tell = tell
    }

    func total(of counter: Counter) throws -> UInt64 {
        var counters: Counters?
        try withRelay(setup) { relay in
            counters = relay.counters
            try tell(relay)
        }
        return counters?.value(of: counter) ?? .max
    }
}
