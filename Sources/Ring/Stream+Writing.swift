import CLinux
import CUring
import Glibc

extension Stream {
    /// Adds bytes to what the next `flush` sends, in one piece with what is queued already.
    public func queue(_ bytes: [UInt8]) {
        outbound.append(bytes)
    }

    /// As `queue`, for secrets: the memory that they have been in is overwritten when they are sent.
    public func queueSecret(_ bytes: [UInt8]) {
        outbound.append(bytes)
        outbound.keepSecret()
    }

    /// Queues `bytes` and sends all that is queued.
    public func write(_ bytes: [UInt8]) async throws(StreamError) {
        queue(bytes)
        try await flush()
    }

    /// As `write(_:)`, to a peer that may refuse the rest of what it gets and read no more.
    ///
    /// - Throws: also `interrupted`, as soon as the peer has said something or has ended: what the kernel had not taken
    ///   is lost.
    public func writeWhileSilent(_ bytes: [UInt8]) async throws(StreamError) {
        queue(bytes)
        isHeardWhileSending = true
        defer { isHeardWhileSending = false }
        armReceive()
        try await flush()
    }

    /// Sends what is queued and waits until the kernel has taken it: one send, unless the peer is slow.
    ///
    /// - Throws: `timedOut`, `reset`, `system`: what the kernel had not taken is lost. `insecure` where the record
    ///   layer
    ///   could not protect what was queued, which is dropped then.
    @inline(never)  // Kept out of the frames that live while a session is idle.
    public func flush() async throws(StreamError) {
        var isProtected = true
        while true {
            if let layer, seal(layer) == .failed { isProtected = false }
            // Sent from a queue that nobody else can reach: a receive that completes meanwhile may add records.
            var queue = ByteQueue()
            if layer == nil { swap(&queue, &outbound) } else { swap(&queue, &records) }
            guard !queue.isEmpty else {
                if isProtected { return } else { throw .insecure }
            }
            if layer == nil { bytesSent += UInt64(queue.count) }
            try await send(&queue)
        }
    }

    func seal(_ layer: any RecordLayer) -> RecordStatus {
        guard !outbound.isEmpty else { return .open }
        bytesSent += UInt64(outbound.count)
        let status = outbound.withBytes { layer.seal($0, ciphertext: &records) }
        outbound.removeAll()
        if status == .failed { inputEnd = .insecure }
        return status
    }

    private func send(_ queue: inout ByteQueue) async throws(StreamError) {
        while !queue.isEmpty {
            if isHeardWhileSending, hasInput { throw .interrupted }
            if deadlineHasPassed { throw .timedOut }
            let bytes = UnsafeRawBufferPointer(rebasing: queue.unsafeBytes.prefix(Self.sendLimitBytes))
            let completion = await ring.perform(named: { sending = $0 }) {
                uring_send($0, descriptor, bytes.baseAddress, bytes.count, Self.sendFlags, $1)
            }
            switch -completion.result {
            case ..<0: queue.removeFirst(Int(completion.result))
            case ECANCELED, EINTR, EAGAIN: continue
            case 0, EPIPE, ECONNRESET, ETIMEDOUT: throw .reset
            default: throw .system(-completion.result)
            }
        }
    }

    /// Bytes of one send. A peer that takes a larger one in ever so small pieces makes the kernel lose patience after
    /// 128 of them and block one of its worker threads with the rest.
    static let sendLimitBytes = 64 << 10

    /// The kernel itself goes on until everything is taken.
    static let sendFlags = LINUX_MSG_NOSIGNAL.rawValue | LINUX_MSG_WAITALL.rawValue

    /// Ends our direction in order: sends what is queued, the record layer's notice, FIN. Reading goes on.
    public func finishSending() async throws(StreamError) {
        try await flush()
        if let layer {
            layer.sealEnd(ciphertext: &records)
            try await flush()
        }
        linux_shutdown_write(descriptor)
    }

    /// Says goodbye and closes: sends what is queued, ends our direction, then reads and drops what the peer still
    /// sends until it closes too. Without that, unread bytes would make the kernel reset the connection, and the peer
    /// might never see our last words.
    ///
    /// - Parameters:
    ///   - patience: how long in all.
    public func closeGracefully(within patience: Duration) async {
        deadline = ring.now + patience
        do throws(StreamError) {
            try await finishSending()
            layer = nil  // What comes now is dropped unread, records as well.
            var dropped = inbound.count
            inbound.removeAll()
            while dropped < Self.lingerLimitBytes {
                try await waitUninterrupted()
                dropped += inbound.count
                inbound.removeAll()
            }
        } catch {}
        await close()
    }

    /// A goodbye is on its way to the end that an interruption asks for.
    private func waitUninterrupted() async throws(StreamError) {
        do throws(StreamError) { try await waitForInput() } catch { if error != .interrupted { throw error } }
    }

    private static var lingerLimitBytes: Int { 64 << 10 }
}
