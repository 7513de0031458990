import Testing

@testable import Ring

/// A queue that the testing macros can take apart: they need values that can be copied.
private final class Queue {
    private var bytes = ByteQueue()

    var isEmpty: Bool { bytes.isEmpty }
    var count: Int { bytes.count }
    var hasMemory: Bool { bytes.unsafeBytes.baseAddress != nil }
    var contents: [UInt8] { bytes.withBytes { span in span.withUnsafeBytes { Array($0) } } }
    func append(_ more: [UInt8]) { bytes.append(more) }
    func append(_ more: String) { bytes.append(more) }
    func append(_ more: UnsafeRawBufferPointer) { bytes.append(more) }
    func append(_ more: RawSpan) { bytes.append(more) }
    func append(atLeast: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) { bytes.append(atLeast: atLeast, body) }
    func removeFirst(_ length: Int) { bytes.removeFirst(length) }
    func keepSecret() { bytes.keepSecret() }
    /// Whether 16 times the byte stands in the free memory at the end.
    func leaves(_ byte: UInt8) -> Bool {
        var longest = 0
        append(atLeast: 1) { room in
            var run = 0
            for found in room {
                run = found == byte ? run + 1 : 0
                longest = max(longest, run)
            }
            return 0
        }
        return longest >= 16
    }
    func removeAll() { bytes.removeAll() }
    func take(_ length: Int) -> [UInt8] { bytes.take(length) }
}

@Suite struct ByteQueueTests {
    @Test func anEmptyQueueHoldsNothing() {
        let queue = Queue()
        #expect(queue.isEmpty && queue.count == 0)
        #expect(queue.contents == [])
        #expect(!queue.hasMemory)
        queue.append([])
        queue.append("")
        queue.removeFirst(0)
        queue.removeAll()
        #expect(queue.take(0) == [])
        #expect(!queue.hasMemory)
    }

    /// Whatever is moved or freed, nothing of a secret stays where it was.
    @Test func secretsLeaveNothingBehind() {
        let secret = [UInt8](repeating: 0x53, count: 100)
        let queue = Queue()
        queue.append(secret)
        queue.keepSecret()
        queue.append([UInt8](repeating: 0x20, count: 100))
        queue.removeFirst(150)
        // To the front of the same memory.
        queue.append([UInt8](repeating: 0x20, count: 100))
        #expect(queue.count == 150 && !queue.leaves(0x53))
        // To new memory, and to none: the next of the same size may be the same.
        for length in [200, 5_000] {
            let queue = Queue()
            queue.append(secret + [UInt8](repeating: 0x53, count: length))
            queue.keepSecret()
            queue.append([UInt8](repeating: 0x20, count: 4 * length))
            let next = Queue()
            next.append([0x20])
            #expect(!next.leaves(0x53))
            queue.removeAll()
            let last = Queue()
            last.append([UInt8](repeating: 0x20, count: 4 * length))
            #expect(!last.leaves(0x53))
        }
    }

    /// A session has ten queues, which are empty most of the time.
    @Test func aQueueIsOneWord() {
        #expect(MemoryLayout<ByteQueue>.size == 8)
    }

    @Test func memoryGoesWithTheLastByte() {
        let queue = Queue()
        queue.append("bytes")
        #expect(queue.hasMemory)
        #expect(queue.take(5) == Array("bytes".utf8))
        #expect(!queue.hasMemory)
        queue.append(atLeast: 100) { _ in 0 }
        #expect(!queue.hasMemory)
    }

    /// What is filled at once and sent needs no room to grow; a small queue, and one that goes on growing, do.
    @Test(arguments: [(1, 256), (300, 512), (16_384, 16_384), (16_385, 20_480), (65_537, 69_632), (131_072, 131_072)])
    func aQueueBeginsWithLittleMoreThanItNeeds(_ needed: Int, _ capacity: Int) {
        let queue = Queue()
        queue.append(atLeast: needed) { room in
            #expect(room.count == capacity)
            return capacity
        }
        queue.append(atLeast: 1) { room in
            #expect(room.count == capacity)
            return 1
        }
        #expect(queue.count == capacity + 1)
    }

    @Test func takesBytesOfEveryKind() {
        let queue = Queue()
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
        #expect(queue.contents == Array("text ".utf8) + [1, 2, 3, 4, 3, 4, 5])
    }

    @Test(arguments: [-1, 4])
    func takingWhatIsNotThereEndsTheProcess(length: Int) async {
        await #expect(processExitsWith: .failure) { [length] in
            let queue = Queue()
            queue.append([1, 2, 3])
            queue.removeFirst(length)
        }
    }

    @Test(arguments: 0..<6)
    func behavesAsAnArray(seed: Int) {
        var random = Random(seed: UInt64(seed))
        let queue = Queue()
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
            if queue.contents != model {
                Issue.record("differs from the model")
                return
            }
        }
    }
}
