import Ring
import Synchronization
import Testing

@testable import Telemetry

@Suite struct ServerPlacesTests {
    private let places = ServerPlaces()

    @Test func nobodyIsToldWhereNobodyWaits() {
        let party = places.join { _ in }
        #expect(!places.isWanted && places.nextWaiting() == nil && places.nextKeeper(but: party) == nil)
    }

    @Test func thoseWhoWaitHaveTheirTurns() {
        let parties = (0..<4).map { _ in places.join { _ in } }
        for number in [0, 1, 1, 3] { places.raiseWaiting(parties[number]) }
        func turns(_ count: Int) -> [Int?] {
            (0..<count).map { _ in
                let next = places.nextWaiting()
                return parties.firstIndex { $0 === next }
            }
        }
        let twice = turns(6)
        #expect(twice.prefix(3) == twice.suffix(3) && Set(twice) == [0, 1, 3])
        places.lowerWaiting(parties[1])
        #expect(Set(turns(3)) == [0, 1, 3])
        places.lowerWaiting(parties[1])
        #expect(Set(turns(2)) == [0, 3])
        for number in [0, 3] { places.lowerWaiting(parties[number]) }
        #expect(!places.isWanted && places.nextWaiting() == nil)
    }

    @Test func oneAnswersACall() {
        #expect(!places.takeCall())
        places.callForPlace()
        places.callForPlace()
        let answers = (0..<2).map { _ in places.takeCall() }
        #expect(answers == [true, false])
    }

    /// Who wants a place has given up its own already.
    @Test func anotherIsAskedWhoKeepsConnections() {
        let parties = (0..<3).map { _ in places.join { _ in } }
        parties[0].raiseIdle()
        #expect(places.nextKeeper(but: parties[0]) == nil)
        #expect(places.nextKeeper(but: parties[1]) === parties[0])
        parties[2].raiseIdle()
        let first = places.nextKeeper(but: parties[1])
        let second = places.nextKeeper(but: parties[1])
        #expect(first === parties[2] && second === parties[0])
        parties[0].lowerIdle()
        #expect(places.nextKeeper(but: parties[1]) === parties[2])
    }

    /// Its sessions may still wait: nobody else keeps what they want.
    @Test func whoHasLeftIsNotTold() {
        let parties = (0..<2).map { _ in places.join { _ in } }
        places.raiseWaiting(parties[0])
        parties[0].raiseIdle()
        places.leave(parties[0])
        #expect(places.isWanted && places.nextWaiting() == nil && places.nextKeeper(but: parties[1]) == nil)
        places.lowerWaiting(parties[0])
        #expect(!places.isWanted)
    }

    @Test func whatIsToldArrives() {
        final class Heard: Sendable { let notices = Locked([ServerPlaces.Notice]()) }
        let heard = Heard()
        let party = places.join { notice in heard.notices.withLock { $0.append(notice) } }
        party.tell(.isWanted)
        party.tell(.isFree)
        #expect(heard.notices.withLock { $0 } == [.isWanted, .isFree])
    }

    /// Of those who say that they wait and then find no place, and those who give one back and then look for who waits,
    /// one sees the other.
    @Test func noPlaceIsLeftUntold() {
        let tally = ServerTally(upstream: "u", server: "s")
        final class Told: Sendable { let isSo = Atomic<Bool>(false) }
        for _ in 0..<2_000 {
            let told = Told()
            #expect(tally.tryTake(max: 1))
            let giver = Thread.start(name: "giver") {
                tally.giveBack()
                if tally.places.isWanted { told.isSo.store(true, ordering: .relaxed) }
            }
            let party = tally.places.join { _ in }
            tally.places.raiseWaiting(party)
            let hasPlace = tally.tryTake(max: 1)
            giver.join()
            #expect(hasPlace || told.isSo.load(ordering: .relaxed))
            tally.places.lowerWaiting(party)
            tally.places.leave(party)
            if hasPlace { tally.giveBack() }
        }
        #expect(tally.connections == 0)
    }
}
