/// The memory for receives of a flow that fills whole buffers: 64 KiB, asked for without waiting, given up as soon as
/// less than a quarter of it comes. Also where a direction turns when the shard's buffers are all taken.
struct LargeReceive: ~Copyable {
    private(set) var memory: UnsafeMutableRawBufferPointer?

    static let bytes = 64 << 10
    static let worthwhileBytes = 16 << 10

    deinit { memory?.deallocate() }

    mutating func use() {
        if memory == nil { memory = .allocate(byteCount: Self.bytes, alignment: 64) }
    }

    mutating func giveUp() {
        memory?.deallocate()
        memory = nil
    }
}
