import Glibc

/// Bytes that wait to be read or sent: in at the end, out at the front, no memory while empty.
///
/// One owner, no copies. Memory grows by doubling and is given back as soon as the last byte leaves, so that an idle
/// connection holds none: an empty queue is one word, because a session has ten. Limits are the caller's: the queue
/// takes what it is given.
public struct ByteQueue: ~Copyable {
    /// Before the bytes in their memory. There is none while there are no bytes.
    struct Block {
        var head = 0
        var count = 0
        let capacity: Int
        /// What leaves this memory is overwritten.
        var holdsSecrets = false
    }

    private var block: UnsafeMutablePointer<Block>?

    private static let blockAlignment = 16
    /// Room for what is before the bytes, which keeps them aligned as their memory is.
    private static let bytesOffset = 32
    private static let smallestCapacity = 256
    private static let largeCapacity = 16 << 10
    private static let pageBytes = 4 << 10

    public init() {}

    deinit { if let block { Self.free(block) } }

    /// Bytes held.
    public var count: Int { block?.pointee.count ?? 0 }
    public var isEmpty: Bool { block == nil }

    /// The bytes held, from the oldest on. Valid only inside `body`.
    public borrowing func withBytes<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafeBytes.bytes)
    }

    /// The bytes held; the memory stays where it is until the queue is next changed.
    /// For the ring, which sends from it and changes nothing until the kernel has answered.
    public var unsafeBytes: UnsafeRawBufferPointer {
        guard let block else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: Self.bytes(of: block) + block.pointee.head, count: block.pointee.count)
    }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        let block = reserve(bytes.count)
        Self.end(of: block).copyMemory(from: source, byteCount: bytes.count)
        block.pointee.count += bytes.count
    }

    public mutating func append(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { append($0) }
    }

    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Lets `body` fill free memory of at least `atLeast` bytes at the end; it returns how many it filled.
    public mutating func append(atLeast: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
        precondition(atLeast > 0)
        let block = reserve(atLeast)
        let room = block.pointee.capacity - block.pointee.head - block.pointee.count
        let filled = body(UnsafeMutableRawBufferPointer(start: Self.end(of: block), count: room))
        precondition(filled >= 0 && filled <= room)
        block.pointee.count += filled
        releaseIfEmpty()
    }

    /// Drops the oldest `length` bytes.
    public mutating func removeFirst(_ length: Int) {
        precondition(length >= 0 && length <= count)
        guard let block else { return }
        block.pointee.head += length
        block.pointee.count -= length
        releaseIfEmpty()
    }

    /// As `removeFirst`, for bytes that nobody may find in memory later: overwrites them.
    public mutating func wipeFirst(_ length: Int) {
        precondition(length >= 0 && length <= count)
        if let block { explicit_bzero(Self.bytes(of: block) + block.pointee.head, length) }
        removeFirst(length)
    }

    /// Nobody may find what is held in memory later, wherever it is moved to: whatever the queue leaves behind is
    /// overwritten, until it is empty.
    mutating func keepSecret() {
        block?.pointee.holdsSecrets = true
    }

    public mutating func removeAll() {
        removeFirst(count)
    }

    /// Removes and returns the oldest `length` bytes.
    public mutating func take(_ length: Int) -> [UInt8] {
        precondition(length >= 0 && length <= count)
        let taken = [UInt8](unsafeBytes[..<length])
        removeFirst(length)
        return taken
    }

    /// Makes room for `length` more bytes, which go to the block's end.
    private mutating func reserve(_ length: Int) -> UnsafeMutablePointer<Block> {
        guard let old = block else {
            let new = Self.allocate(Self.capacity(toHold: length, after: 0))
            block = new
            return new
        }
        let (head, count, capacity) = (old.pointee.head, old.pointee.count, old.pointee.capacity)
        let (needed, overflow) = count.addingReportingOverflow(length)
        precondition(!overflow)
        if head + needed <= capacity { return old }
        if needed <= capacity, head >= count {
            Self.bytes(of: old).copyMemory(from: Self.bytes(of: old) + head, byteCount: count)
            old.pointee.head = 0
            if old.pointee.holdsSecrets { explicit_bzero(Self.bytes(of: old) + count, head) }
            return old
        }
        let new = Self.allocate(Self.capacity(toHold: needed, after: capacity))
        Self.bytes(of: new).copyMemory(from: Self.bytes(of: old) + head, byteCount: count)
        new.pointee.count = count
        new.pointee.holdsSecrets = old.pointee.holdsSecrets
        Self.free(old)
        block = new
        return new
    }

    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Block> {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytesOffset + capacity, alignment: blockAlignment)
        return memory.initializeMemory(as: Block.self, to: Block(capacity: capacity))
    }

    private static func free(_ block: UnsafeMutablePointer<Block>) {
        if block.pointee.holdsSecrets { explicit_bzero(bytes(of: block), block.pointee.capacity) }
        block.deallocate()
    }

    private static func bytes(of block: UnsafeMutablePointer<Block>) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(block) + bytesOffset
    }

    /// Where the next byte goes.
    private static func end(of block: UnsafeMutablePointer<Block>) -> UnsafeMutableRawPointer {
        bytes(of: block) + block.pointee.head + block.pointee.count
    }

    /// A queue that grows doubles. One that begins with much gets that and little more: it is filled in one go, and
    /// sent.
    private static func capacity(toHold needed: Int, after capacity: Int) -> Int {
        if capacity == 0, needed >= largeCapacity { return (needed + pageBytes - 1) / pageBytes * pageBytes }
        var grown = max(capacity, smallestCapacity)
        while grown < needed { grown *= 2 }
        return grown
    }

    private mutating func releaseIfEmpty() {
        guard let empty = block, empty.pointee.count == 0 else { return }
        Self.free(empty)
        block = nil
    }
}
