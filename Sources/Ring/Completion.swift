import CUring

/// Names an operation in flight.
public typealias OperationID = SlotID

/// What the kernel answered to an operation.
public struct Completion: Sendable {
    /// At least zero, as the operation defines it, or a negative errno.
    public let result: Int32
    let flags: UInt32

    init(result: Int32, flags: UInt32 = 0) {
        self.result = result
        self.flags = flags
    }

    init(_ raw: uring_completion) {
        result = raw.result
        flags = raw.flags
    }

    /// A multishot operation goes on after this completion.
    var goesOn: Bool { flags & URING_COMPLETION_MORE.rawValue != 0 }

    /// A receive has left something behind: bytes, or the end.
    var leftMore: Bool { flags & URING_COMPLETION_LEFT_MORE.rawValue != 0 }

    /// The provided buffer that was filled, if one was.
    var bufferID: UInt16? {
        guard flags & URING_COMPLETION_BUFFER.rawValue != 0 else { return nil }
        return UInt16(truncatingIfNeeded: flags >> URING_BUFFER_SHIFT.rawValue)
    }
}

/// A machine on the ring: told of its operations' completions, instead of a task that waits for one.
///
/// Called from the shard's loop, never from inside one of the sink's own calls to the ring.
protocol CompletionSink: AnyObject {
    func completed(_ operation: OperationID, _ completion: Completion)
}
