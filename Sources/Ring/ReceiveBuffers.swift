import CUring
import Glibc

/// Receive buffers lent to the kernel, which picks one only when there is something to receive: an idle connection
/// pins none. One set a shard.
final class ReceiveBuffers {
    static let group: UInt16 = 0

    private let raw: OpaquePointer
    /// Buffers in the set, and bytes of each.
    let count: Int
    let bytesEach: Int
    /// Buffers that the kernel has filled and that have not been given back.
    private(set) var held = 0

    init(_ raw: OpaquePointer, count: Int, bytes: Int) {
        self.raw = raw
        self.count = count
        bytesEach = bytes
    }

    /// After the ring, which may fill them.
    func close() {
        uring_buffers_close(raw)
    }

    /// The buffer that a completion names, with the bytes received. To be consumed before the next suspension, or by
    /// the one send that it is lent to.
    func take(_ id: UInt16, count length: Int) -> ReceivedBuffer {
        precondition(length <= bytesEach)
        held += 1
        return ReceivedBuffer(owner: self, id: id, count: length)
    }

    fileprivate func address(_ id: UInt16) -> UnsafeMutableRawPointer {
        uring_buffers_at(raw, id)
    }

    fileprivate func giveBack(_ id: UInt16) {
        held -= 1
        uring_buffers_return(raw, id)
    }
}

/// Bytes that the kernel put into one of the shard's buffers. The buffer is lent to the kernel again when this goes.
struct ReceivedBuffer: ~Copyable {
    private let owner: ReceiveBuffers
    private let id: UInt16
    private let count: UInt32

    fileprivate init(owner: ReceiveBuffers, id: UInt16, count: Int) {
        self.owner = owner
        self.id = id
        self.count = UInt32(count)
    }

    deinit { owner.giveBack(id) }

    /// The bytes received; they stay where they are as long as this value lives.
    var unsafeBytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: owner.address(id), count: Int(count))
    }

    /// Overwrites the bytes received, for those that nobody may find later.
    borrowing func wipe() {
        explicit_bzero(owner.address(id), Int(count))
    }

    /// The bytes received. Valid only inside `body`.
    borrowing func withBytes(_ body: (UnsafeRawBufferPointer) -> Void) {
        body(unsafeBytes)
    }
}
