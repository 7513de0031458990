import CLinux
import CUring
import Glibc

extension Stream {
    /// Waits until there is more input than now: bytes, or the end of the peer's direction.
    ///
    /// - Throws: what ended the peer's direction, if it has ended already; `timedOut`, `interrupted`.
    public func waitForInput() async throws(StreamError) {
        try await waitForInput(orOf: nil)
    }

    /// As `waitForInput()`, but input of `other` ends the wait too. `other` should have none unread; its deadline is
    /// not looked at.
    public func waitForInput(orOf other: Stream?) async throws(StreamError) {
        if let inputEnd { throw inputEnd }
        let arrived = bytesReceived
        let (otherArrived, otherEnd) = (other?.bytesReceived, other?.inputEnd)
        var hasNews: Bool {
            if bytesReceived != arrived || inputEnd != nil { return true }
            return other?.bytesReceived != otherArrived || other?.inputEnd != otherEnd
        }
        while true {
            try checkInterruption()
            await withUnsafeContinuation { continuation in
                // A suspension may lie between the caller's looks and this one; nothing that came meanwhile comes
                // again.
                guard !hasNews, !isInterrupted, !deadlineHasPassed else { return continuation.resume() }
                reader = continuation
                armReceive()
                other?.armReceive()
                other?.observer = self
            }
            other?.observer = nil
            if !records.isEmpty { try await flush() }
            if hasNews { return }
        }
    }

    private func checkInterruption() throws(StreamError) {
        if deadlineHasPassed { throw .timedOut }
        if isInterrupted {
            isInterrupted = false
            throw .interrupted
        }
    }

    /// Takes in what has come so far, without a wait: where no receive is in flight, nobody would know that the peer
    /// has spoken or left.
    public func lookForInput() {
        // Mostly there is nothing, and memory to receive it into costs more than a look.
        guard receiving == nil, inputEnd == nil, linux_has_input(descriptor) else { return }
        receiveAtOnce()
    }

    /// Takes in more of what has come, without a wait, where a receive has filled its buffer: until `limit` bytes are
    /// unread, which are passed on in one send. In the clear alone: inside TLS it is not the turns that cost.
    public func receiveMore(upTo limit: Int) {
        guard receiving == nil, inputEnd == nil, layer == nil else { return }
        guard inbound.count >= ring.buffers.bytesEach, inbound.count < limit else { return }
        let room = limit - inbound.count
        var result = 0
        inbound.append(atLeast: room) { memory in
            result = recv(descriptor, memory.baseAddress!, room, Int32(LINUX_MSG_DONTWAIT.rawValue))
            if result < 0 { result = -Int(errno) }
            return max(0, result)
        }
        if keepsInputSecret { inbound.keepSecret() }
        if result > 0 { bytesReceived += UInt64(result) } else { takeEndAtOnce(Int32(result)) }
    }

    /// Whether the peer has sent anything that has not been taken in, or has ended: also where a receive is in flight,
    /// which the kernel carries out only in the ring's next turn.
    public var hasUnreceivedInput: Bool {
        inputEnd == nil && (ring.hasCompletionsSetAside || linux_has_input(descriptor))
    }

    /// Shows the unread bytes to `body`.
    @inlinable
    public func withInput<Result, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(unread.bindMemory(to: UInt8.self).span)
    }

    @usableFromInline var unread: UnsafeRawBufferPointer { inbound.unsafeBytes }

    /// Removes and returns the oldest `length` unread bytes.
    public func takeInput(_ length: Int) -> [UInt8] {
        inbound.take(length)
    }

    /// Drops the oldest `length` unread bytes.
    public func dropInput(_ length: Int) {
        inbound.removeFirst(length)
    }

    /// As `dropInput`, for secrets: overwrites them.
    public func wipeInput(_ length: Int) {
        inbound.wipeFirst(length)
    }

    /// Ends a receive in flight: what the peer sends from now on is read by the next wait. What came before is unread
    /// input then.
    public func stopReceiving() async {
        while receiving != nil {
            await withUnsafeContinuation { continuation in
                guard let receiving else { return continuation.resume() }
                reader = continuation
                ring.cancel(receiving)
            }
        }
    }

    /// Puts a receive in flight where none is and the peer's direction goes on.
    func armReceive() {
        guard receiving == nil, inputEnd == nil else { return }
        receiving = ring.begin(self) { uring_receive_provided($0, descriptor, ReceiveBuffers.group, $1) }
    }

    private func wakeReader() {
        if let reader = reader.take() {
            reader.resume()
        } else {
            observer?.reader.take()?.resume()
        }
    }
}

extension Stream: CompletionSink {
    /// A receive has ended. Its bytes are copied out, so that the shard's buffer goes back at once: what waits to be
    /// read of a slow or malicious peer is held in memory of its own.
    func completed(_: OperationID, _ completion: Completion) {
        receiving = nil
        if let id = completion.bufferID {
            let buffer = ring.buffers.take(id, count: Int(completion.result))
            buffer.withBytes { take($0) }
            if keepsInputSecret { buffer.wipe() }
        } else {
            takeEnd(completion.result)
        }
        if isHeardWhileSending, hasInput { ring.cancel(sending) }
        wakeReader()
        noteListening()
    }

    private func takeEnd(_ result: Int32) {
        switch -result {
        case 0: inputEnd = .ended
        case ECANCELED: break
        case ENOBUFS: receivePrivately()
        case ECONNRESET, EPIPE, ETIMEDOUT: inputEnd = .reset
        default: inputEnd = .system(-result)
        }
    }

    /// All of the shard's buffers are taken: reads into memory of our own. It never waits, because the kernel looks
    /// for a buffer only when there is something to receive; where that is gone after all, the reader arms again.
    private func receivePrivately() {
        ring.statistics.receiveBuffersExhausted += 1
        receiveAtOnce()
    }

    private func receiveAtOnce() {
        let size = ring.buffers.bytesEach
        withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { memory in
            let received = recv(descriptor, memory.baseAddress!, size, Int32(LINUX_MSG_DONTWAIT.rawValue))
            if received > 0 {
                take(UnsafeRawBufferPointer(rebasing: memory[..<received]))
                if keepsInputSecret { explicit_bzero(memory.baseAddress!, received) }
            } else {
                takeEndAtOnce(received == 0 ? 0 : -errno)
            }
        }
    }

    /// What a receive without a wait tells of the peer's direction where it has brought nothing.
    private func takeEndAtOnce(_ result: Int32) {
        if result != -EAGAIN && result != -EINTR { takeEnd(result) }
    }

    /// Bytes of the layer's own answers that may wait for a peer who keeps asking (TLS 1.3: KeyUpdate) while nobody
    /// writes to it. A peer that goes on has given up its direction.
    private static var answersLimitBytes: Int { 64 << 10 }

    /// Takes received bytes in: as they are, or through the record layer.
    func take(_ bytes: UnsafeRawBufferPointer) {
        defer { if keepsInputSecret { inbound.keepSecret() } }
        guard let layer else {
            inbound.append(bytes)
            bytesReceived += UInt64(bytes.count)
            return
        }
        let before = inbound.count
        let status = layer.open(bytes.bytes, plaintext: &inbound, reply: &records)
        bytesReceived += UInt64(inbound.count - before)
        switch status {
        case .open where records.count > Self.answersLimitBytes: inputEnd = .reset
        case .open: break
        case .ended: inputEnd = .ended
        case .failed: inputEnd = .insecure
        }
    }
}
