import Ring
import Testing

@testable import Telemetry

@Suite struct ServerTallyTests {
    private let tally = ServerTally(upstream: "backend", server: "192.0.2.1:25")

    @Test func eachEventMovesItsOwnValue() {
        let events: [(ServerTally.Value, (ServerTally) -> Void)] = [
            (.connections, { _ = $0.tryTake(max: 0) }), (.connects, { $0.countConnect() }),
            (.connectFailures, { $0.countConnectFailure() }), (.failures, { $0.countFailure() }),
            (.ejections, { $0.countEjection() }), (.failedChecks, { $0.countFailedCheck() }), (.up, { $0.raiseUp() }),
            (.reuses, { $0.countReuse() }), (.idle, { $0.raiseIdle() }),
        ]
        #expect(events.map(\.0) == ServerTally.Value.allCases)
        for (value, event) in events {
            let tally = ServerTally(upstream: "u", server: "s")
            event(tally)
            for other in ServerTally.Value.allCases { #expect(tally[other] == (other == value ? 1 : 0)) }
        }
    }

    @Test func noMorePlacesAreTakenThanThereAre() {
        #expect(tally.tryTake(max: 2) && tally.tryTake(max: 2))
        #expect(!tally.tryTake(max: 2))
        #expect(tally.connections == 2)
        tally.giveBack()
        #expect(tally.tryTake(max: 2))
        #expect(!tally.tryTake(max: 1))
        #expect(tally.tryTake(max: 0))
        #expect(tally.connections == 3)
    }

    @Test func manyThreadsNeverHaveMorePlaces() {
        let places = 3
        let threads = (0..<4).map { number in
            Thread.start(name: "taker \(number)") { [tally] in
                for _ in 0..<20_000 where tally.tryTake(max: places) {
                    #expect(tally.connections <= places)
                    tally.giveBack()
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(tally.connections == 0)
    }

    @Test func whatWasNotRaisedIsNotLowered() async {
        await #expect(processExitsWith: .failure) { ServerTally(upstream: "u", server: "s").lowerUp() }
        await #expect(processExitsWith: .failure) { ServerTally(upstream: "u", server: "s").giveBack() }
    }
}
