import Testing

@testable import Ring

@Suite struct ByteQueueTests {
    private static func contents(_ queue: borrowing ByteQueue) -> [UInt8] {
        queue.withBytes { bytes in bytes.withUnsafeBytes { Array($0) } }
    }

    @Test func anEmptyQueueHoldsNothing() {
        var queue = ByteQueue()
        #expect(queue.isEmpty && queue.count == 0)
        #expect(Self.contents(queue) == [])
        #expect(queue.unsafeBytes.baseAddress == nil)
        queue.append([])
        queue.append("")
        queue.removeFirst(0)
        queue.removeAll()
        #expect(queue.take(0) == [])
        #expect(queue.unsafeBytes.baseAddress == nil)
    }

    @Test func memoryGoesWithTheLastByte() {
        var queue = ByteQueue()
        queue.append("bytes")
        #expect(queue.unsafeBytes.baseAddress != nil)
        #expect(queue.take(5) == Array("bytes".utf8))
        #expect(queue.unsafeBytes.baseAddress == nil)
        queue.append(atLeast: 100) { _ in 0 }
        #expect(queue.unsafeBytes.baseAddress == nil)
    }

    @Test func takesBytesOfEveryKind() {
        var queue = ByteQueue()
        queue.append("text ")
        queue.append([1, 2])
        let array: [UInt8] = [3, 4]
        array.withUnsafeBytes { queue.append($0) }
        queue.append(array.span.bytes)
        queue.append(atLeast: 2) { room in
            #expect(room.count >= 2)
            room[0] = 5
            return 1
        }
        #expect(Self.contents(queue) == Array("text ".utf8) + [1, 2, 3, 4, 3, 4, 5])
    }

    @Test(arguments: [-1, 4])
    func takingWhatIsNotThereEndsTheProcess(length: Int) async {
        await #expect(processExitsWith: .failure) { [length] in
            var queue = ByteQueue()
            queue.append([1, 2, 3])
            queue.removeFirst(length)
        }
    }

    @Test(arguments: 0..<6)
    func behavesAsAnArray(seed: Int) {
        var random = Random(seed: UInt64(seed))
        var queue = ByteQueue()
        var model: [UInt8] = []
        let largest = [3, 30, 300, 1_000, 5_000, 300][seed]
        for _ in 0..<2_000 {
            let bytes = random.bytes(Int.random(in: 0...largest, using: &random))
            let length = Int.random(in: 0...model.count, using: &random)
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1:
                queue.append(bytes)
                model += bytes
            case 2:
                let filled = bytes.count
                queue.append(atLeast: max(1, filled)) { room in
                    room.copyBytes(from: bytes)
                    return filled
                }
                model += bytes
            case 3, 4:
                #expect(queue.take(length) == Array(model[..<length]))
                model.removeFirst(length)
            case 5, 6:
                let some = min(length, largest)
                queue.removeFirst(some)
                model.removeFirst(some)
            default:
                guard Int.random(in: 0..<10, using: &random) == 0 else { continue }
                queue.removeAll()
                model = []
            }
            #expect(queue.count == model.count && queue.isEmpty == model.isEmpty)
            if Self.contents(queue) != model {
                Issue.record("differs from the model")
                return
            }
        }
    }
}
