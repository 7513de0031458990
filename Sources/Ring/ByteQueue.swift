import Glibc

/// Bytes that wait to be read or sent: in at the end, out at the front, no memory while empty.
///
/// One owner, no copies. Memory grows by doubling and is given back as soon as the last byte leaves, so that an idle
/// connection holds none. Limits are the caller's: the queue takes what it is given.
public struct ByteQueue: ~Copyable {
    private var base: UnsafeMutableRawPointer?
    private var head = 0
    private var capacity = 0
    /// Bytes held.
    public private(set) var count = 0

    private static let smallestCapacity = 256
    private static let largeCapacity = 16 << 10
    private static let pageBytes = 4 << 10

    public init() {}

    deinit { base?.deallocate() }

    public var isEmpty: Bool { count == 0 }

    /// The bytes held, from the oldest on. Valid only inside `body`.
    public borrowing func withBytes<Result, Failure: Error>(
        _ body: (RawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unsafeBytes.bytes)
    }

    /// The bytes held; the memory stays where it is until the queue is next changed.
    /// For the ring, which sends from it and changes nothing until the kernel has answered.
    public var unsafeBytes: UnsafeRawBufferPointer {
        guard let base else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: base + head, count: count)
    }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        reserve(bytes.count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
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
        let end = reserve(atLeast)
        let room = capacity - head - count
        let filled = body(UnsafeMutableRawBufferPointer(start: end, count: room))
        precondition(filled >= 0 && filled <= room)
        count += filled
        releaseIfEmpty()
    }

    /// Drops the oldest `length` bytes.
    public mutating func removeFirst(_ length: Int) {
        precondition(length >= 0 && length <= count)
        head += length
        count -= length
        releaseIfEmpty()
    }

    /// As `removeFirst`, for bytes that nobody may find in memory later: overwrites them.
    public mutating func wipeFirst(_ length: Int) {
        precondition(length >= 0 && length <= count)
        if let base { explicit_bzero(base + head, length) }
        removeFirst(length)
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

    /// Makes room for `length` more bytes and returns where they go.
    private mutating func reserve(_ length: Int) -> UnsafeMutableRawPointer {
        let (needed, overflow) = count.addingReportingOverflow(length)
        precondition(!overflow)
        if let base, head + needed <= capacity { return base + head + count }
        if let base, needed <= capacity, head >= count {
            base.copyMemory(from: base + head, byteCount: count)
            head = 0
            return base + count
        }
        let grown = Self.capacity(toHold: needed, after: capacity)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 16)
        if let base {
            moved.copyMemory(from: base + head, byteCount: count)
            base.deallocate()
        }
        base = moved
        head = 0
        capacity = grown
        return moved + count
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
        guard count == 0 else { return }
        base?.deallocate()
        base = nil
        head = 0
        capacity = 0
    }
}
