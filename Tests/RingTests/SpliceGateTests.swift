import Glibc
import Testing

@testable import Ring

@Suite struct SpliceGateTests {
    /// Whether the gate opens after large pieces of these lengths.
    private static func opens(_ gate: consuming SpliceGate, _ lengths: Int...) -> Bool {
        var opens = false
        for length in lengths { opens = gate.isReached(by: length) }
        return opens
    }

    @Test func itOpensAtTheThreshold() {
        #expect(!Self.opens(SpliceGate(isAllowed: true), SpliceGate.thresholdBytes - 1))
        #expect(Self.opens(SpliceGate(isAllowed: true), SpliceGate.thresholdBytes - 1, 1))
        #expect(!Self.opens(SpliceGate(isAllowed: false), .max))
    }

    @Test func itCountsFromTheBeginningAfterASmallPiece() {
        var gate = SpliceGate(isAllowed: true)
        _ = gate.isReached(by: SpliceGate.thresholdBytes - 1)
        gate.copy()
        #expect(!Self.opens(gate, SpliceGate.thresholdBytes - 1))
        gate.splice()
        #expect(gate.isSplicing)
        gate.copy()
        #expect(!gate.isSplicing && Self.opens(gate, SpliceGate.thresholdBytes))
    }

    @Test func itClosesAfterManySmallPiecesInARow() {
        var gate = SpliceGate(isAllowed: true)
        gate.splice()
        for length in [1, 1, 1, 1, 1, 1, 1, LargeReceive.worthwhileBytes, 1, 1, 1, 1, 1, 1, 1] {
            gate.noteSpliced(length)
            #expect(gate.isSplicing)
        }
        gate.noteSpliced(LargeReceive.worthwhileBytes - 1)
        #expect(!gate.isSplicing)
    }

    @Test func whatCannotBeSplicedIsCopiedForEver() {
        var gate = SpliceGate(isAllowed: true)
        gate.splice()
        gate.copyForEver()
        gate.copy()
        #expect(!gate.isSplicing && !Self.opens(gate, .max))
    }
}

@Suite struct PipePoolTests {
    @Test func itLendsAsManyAsItMay() {
        let pool = PipePool(limit: 2)
        let now = Instant.current()
        guard let first = pool.lend(at: now), let second = pool.lend(at: now) else {
            Issue.record("no pipes")
            return
        }
        #expect(pool.lend(at: now) == nil)
        #expect(pool.lent == 2 && first.capacity >= PipePool.smallestPipeBytes)
        pool.giveBack(first)
        #expect(pool.lent == 1 && pool.open == 2)
        #expect(pool.lend(at: now) === first)
        pool.giveBack(first)
        pool.giveBack(second)
        #expect(pool.lent == 0)
    }

    @Test func aPipeWithBytesInItIsClosed() {
        let pair = Pair()
        let pool = PipePool(limit: 1)
        weak var pipe: SplicePipe?
        do {
            let lent = pool.lend(at: .current())
            pair.say("left over")
            #expect(lent?.fill(from: pair.ours) == 9)
            pipe = lent
            if let lent { pool.giveBack(lent) }
        }
        #expect(pool.open == 0 && pipe == nil)
        #expect(pool.lend(at: .current()) != nil)
        pair.hangUp()
        close(pair.ours)
    }

    @Test func whatIsInAPipeCanBeTakenOutIntoMemory() {
        let pair = Pair()
        let pool = PipePool(limit: 1)
        guard let pipe = pool.lend(at: .current()) else {
            Issue.record("no pipe")
            return
        }
        pair.say("by way of memory")
        #expect(pipe.fill(from: pair.ours) == 16)
        var queue = ByteQueue()
        pipe.empty(into: &queue)
        #expect(pipe.count == 0 && String(decoding: queue.take(16), as: UTF8.self) == "by way of memory")
        pool.giveBack(pipe)
        #expect(pool.open == 1)
        pair.hangUp()
        close(pair.ours)
    }
}
