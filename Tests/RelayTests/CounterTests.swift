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
    /// Gives the counters.
    private let happen: @Sendable () throws -> Counters?

    init(_ setup: Setup = Setup(), _ tell: @escaping @Sendable (TestRelay) throws -> Void) {
        happen = {
            var counters: Counters?
            try withRelay(setup) { relay in
                counters = relay.counters
                try tell(relay)
            }
            return counters
        }
    }

    /// A client comes as far as `point` and waits there until its session ends, which has little time.
    init(waitingAt point: Point, _ change: @escaping @Sendable (inout Setup, Duration) -> Void) {
        happen = {
            var counters: Counters?
            try hurrying(upTo: point, with: { short in Setup { change(&$0, short) } }) { relay, dialogue, _ in
                counters = relay.counters
                _ = try dialogue.client.readToEnd()
            }
            return counters
        }
    }

    func total(of counter: Counter) throws -> UInt64 { try happen()?.value(of: counter) ?? .max }
}
