/// The memory for receives of a flow that fills whole buffers: asked for without waiting, given up as soon as less than
/// `worthwhileBytes` come. Also where a direction turns when the shard's buffers are all taken.
///
/// A direction has memory only while it receives into it or sends from it.
struct LargeReceive: ~Copyable {
    /// Receives are large for now.
    private(set) var isInUse = false
    private var memory: UnsafeMutableRawPointer?
    /// What was received and is still to be sent from here. Small, because an idle session has two of them.
    private var unsentRange: Range<UInt32> = 0..<0

    /// A message of 64 KiB with all that goes with it.
    static let bytes = 96 << 10
    static let worthwhileBytes = 16 << 10

    deinit { memory?.deallocate() }

    mutating func use() {
        isInUse = true
    }

    mutating func giveUp() {
        isInUse = false
    }

    /// Memory to receive into.
    mutating func borrow(from blocks: LargeBlocks) -> UnsafeMutableRawBufferPointer {
        precondition(memory == nil)
        let block = blocks.take()
        memory = block
        return UnsafeMutableRawBufferPointer(start: block, count: Self.bytes)
    }

    /// The memory goes back unless bytes are to be sent from it.
    mutating func giveBackUnlessUnsent(to blocks: LargeBlocks) {
        guard unsentRange.isEmpty, let block = memory.take() else { return }
        blocks.giveBack(block)
    }

    /// The first `length` bytes of the memory are to be sent.
    mutating func keep(_ length: Int) {
        precondition(length <= Self.bytes)
        unsentRange = 0..<UInt32(length)
    }

    /// The first `length` bytes of the memory, while it is borrowed.
    func received(_ length: Int) -> UnsafeRawBufferPointer {
        guard let memory else { preconditionFailure("received into no memory") }
        precondition(length >= 0 && length <= Self.bytes)
        return UnsafeRawBufferPointer(start: memory, count: length)
    }

    mutating func dropUnsent(_ length: Int) {
        precondition(length >= 0 && length <= unsentRange.count)
        unsentRange = (unsentRange.lowerBound + UInt32(length))..<unsentRange.upperBound
    }

    var unsent: UnsafeRawBufferPointer {
        guard let memory else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: memory + Int(unsentRange.lowerBound), count: unsentRange.count)
    }
}

/// A shard's memory for large receives while nobody uses it. Kept, because the allocator would give it back to the
/// system and fault it in again with each receive.
final class LargeBlocks {
    private var free: [UnsafeMutableRawPointer] = []

    /// Blocks that are kept.
    static let limit = 16

    deinit { for block in free { block.deallocate() } }

    /// `LargeReceive.bytes` of memory.
    func take() -> UnsafeMutableRawPointer {
        free.popLast() ?? .allocate(byteCount: LargeReceive.bytes, alignment: 4096)
    }

    func giveBack(_ block: UnsafeMutableRawPointer) {
        if free.count < Self.limit { free.append(block) } else { block.deallocate() }
    }
}
