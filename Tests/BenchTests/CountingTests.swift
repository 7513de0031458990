import Testing

@testable import mailrace_bench

@Suite struct CountingTests {
    @Test func digestDoesNotDependOnTheCut() {
        let text = MessageText(seed: 3).plain[..<50]
        var whole = Digest()
        text.withUnsafeBytes { whole.add($0.bytes) }
        for first in 0...text.count {
            for second in first...text.count {
                var parts = Digest()
                for part in [text[..<first], text[first..<second], text[second...]] {
                    part.withUnsafeBytes { parts.add($0.bytes) }
                }
                #expect(parts.value == whole.value)
                #expect(parts.length == 50)
            }
        }
    }

    @Test func digestTellsZerosApart() {
        let values = (0..<20).map { count in
            var digest = Digest()
            [UInt8](repeating: 0, count: count).withUnsafeBytes { digest.add($0.bytes) }
            return digest.value
        }
        #expect(Set(values).count == values.count)
    }

    @Test func numbersAreTakenOnce() {
        var numbers = NumberSet()
        for number in [0, 63, 64, 1_000, 5] as [UInt64] {
            let isNew = numbers.insert(number)
            let isNewAgain = numbers.insert(number)
            #expect(isNew && !isNewAgain)
        }
        let isTaken = numbers.insert(NumberSet.limit)
        #expect(!isTaken)
        #expect(numbers.count == 5)
    }

    @Test func setsAreJoinedAndCompared() {
        var one = NumberSet()
        var other = NumberSet()
        for number in 0..<100 as Range<UInt64> { _ = one.insert(number) }
        for number in 90..<300 as Range<UInt64> { _ = other.insert(number) }
        #expect(one.missing(in: other) == 90)
        #expect(other.missing(in: one) == 200)
        let common = one.formUnion(other)
        #expect(common == 10)
        #expect(one.count == 300)
        #expect(one.missing(in: NumberSet()) == 300)
    }

    @Test func duplicatesAreFoundWithinAndAcrossShards() {
        func mark(_ number: UInt64, run: UInt64 = 1) -> MessageMark {
            MessageMark(run: run, number: number, length: 0, digest: 0)
        }
        var one = ArrivalLedger()
        var other = ArrivalLedger()
        for number in [1, 2, 3, 3] as [UInt64] { one.note(mark(number)) }
        for number in [3, 4] as [UInt64] { other.note(mark(number)) }
        other.note(mark(1, run: 2))
        one.merge(other)
        #expect(one.duplicates == 2)
        #expect(one.runs[1]?.count == 4)
        #expect(one.runs[2]?.count == 1)
    }
}
