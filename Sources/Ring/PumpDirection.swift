import CLinux
import CUring
import Glibc

/// One direction of a pump: receive, turn (through the record layers, where there are any), send, again.
///
/// Between two plain sockets the bytes are sent straight from the memory that the kernel received them into. Where the
/// reader is slow, those in one of the buffers of all receives move to memory of the direction's own, so that no such
/// buffer waits for anybody.
final class PumpDirection: CompletionSink {
    let source: Stream
    let target: Stream
    let sourceSide: Pump.Side
    let targetSide: Pump.Side
    unowned var pump: Pump!
    unowned var opposite: PumpDirection!

    /// A receive, or a poll of the source while the gate is at splicing.
    var receiving: OperationID?
    /// A send, or a poll of the target while `pipe` holds bytes.
    var sending: OperationID?
    var watch: SourceWatch
    /// What is being sent: a shared buffer, tried once without waiting, or bytes of our own.
    var lent: ReceivedBuffer?
    /// The source has ended behind the bytes of `lent`.
    var endsBehindLent = false
    var outgoing = ByteQueue()
    /// What is sent after that. The opposite direction adds what its record layer answers.
    var waiting = ByteQueue()
    var large = LargeReceive()
    var gate: SpliceGate
    /// Lent by the shard while it holds bytes.
    var pipe: SplicePipe?
    private(set) var end = End.open
    /// What the target did not take at once, in bytes, as the observer was told; 0: nothing.
    var heldBack = 0

    /// Bytes that may wait behind a send. One receive's worth comes here in order; more are the record layer's
    /// answers to a peer that asks and asks and does not take them.
    private static let waitingLimitBytes = 256 << 10

    enum End {
        /// The source may send more.
        case open
        /// The source has ended; what waits is sent first.
        case reached
        /// The target has all there is, and is being told the end by its record layer's notice, if it has one.
        case telling
        /// The target has been told.
        case passedOn
    }

    init(from source: Stream, _ sourceSide: Pump.Side, to target: Stream, _ targetSide: Pump.Side) {
        self.source = source
        self.sourceSide = sourceSide
        self.target = target
        self.targetSide = targetSide
        // What the upstream said before it broke is still true, and the client is to have it.
        watch = SourceWatch(isWorthwhile: sourceSide == .downstream)
        gate = SpliceGate(isAllowed: source.ring.pipes.limit > 0)
    }

    /// Belongs to `pump` from now on, and with it the source's receive that may be in flight.
    func attach(to pump: Pump, opposite: PumpDirection) {
        self.pump = pump
        self.opposite = opposite
        guard let operation = source.receiving.take() else { return }
        ring.redirect(operation, to: self)
        receiving = operation
    }

    var ring: Ring { source.ring }

    /// Nothing of this direction is in the kernel's hands.
    var isQuiet: Bool { receiving == nil && sending == nil && watch.operation == nil }
    /// The end has been passed on and nothing is left to do.
    var isDone: Bool { end == .passedOn && isQuiet && waiting.isEmpty }

    /// Passes on what the source holds unread, and goes on from there.
    func begin() {
        swap(&waiting, &target.records)
        target.bytesSent += UInt64(source.inbound.count)  // The source has counted them when they came.
        source.inbound.withBytes { forward($0) }
        source.inbound.removeAll()
        switch source.inputEnd {
        case nil: break
        case .ended: reachEnd()
        case let failure?: pump.end(.broken(sourceSide, failure))
        }
        // The pump may have ended before this direction held anything that it could have cancelled.
        if pump.outcome != nil { cancel() }
        proceed()
    }

    /// Plaintext that this direction has passed on.
    var bytesMoved: UInt64 { target.bytesSent - UInt64(pipe?.count ?? 0) }
    /// Nothing waits for the target.
    var hasSentAll: Bool { sending == nil && waiting.isEmpty }

    func cancel() {
        ring.cancel(receiving)
        ring.cancel(sending)
        ring.cancel(watch.operation)
    }

    /// Puts the next operation in flight.
    func proceed() {
        guard pump.outcome == nil else { return pump.settle() }
        guard sending == nil else { return }
        if !large.unsent.isEmpty { return sendLarge() }
        if !waiting.isEmpty { return sendWaiting() }
        switch end {
        case .open: receive()
        case .reached: tellEnd()
        case .telling: passEndOn()
        case .passedOn: pump.settle()
        }
    }

    // MARK: Receiving

    private func receive() {
        guard receiving == nil else { return }
        release()
        if gate.isSplicing {
            receiving = ring.begin(self) { uring_poll($0, source.descriptor, PollEvents.readable.rawValue, $1) }
        } else if large.isInUse {
            let memory = large.borrow(from: ring.blocks)
            receiving = ring.begin(self) {
                uring_receive($0, source.descriptor, memory.baseAddress, memory.count, LINUX_MSG_DONTWAIT.rawValue, $1)
            }
        } else {
            receiving = ring.begin(self) {
                uring_receive_provided($0, source.descriptor, ReceiveBuffers.group, $1)
            }
        }
    }

    func completed(_ operation: OperationID, _ completion: Completion) {
        if operation == receiving {
            receiving = nil
            if gate.isSplicing { sourceIsReady(completion.result) } else { received(completion) }
        } else if operation == watch.operation {
            watched(completion.result)
        } else {
            precondition(operation == sending)
            sending = nil
            if pipe != nil { targetIsReady() } else { sent(completion.result) }
        }
        proceed()
    }

    private func received(_ completion: Completion) {
        let result = completion.result
        if let id = completion.bufferID {
            take(ring.buffers.take(id, count: Int(result)), leftMore: completion.leftMore)
        } else if pump.outcome != nil {
            return
        } else if result > 0 {
            takeLarge(Int(result))
        } else {
            receivedNothing(-result)
        }
        large.giveBackUnlessUnsent(to: ring.blocks)
    }

    /// The source has ended (0) or there is an errno in place of its bytes.
    func receivedNothing(_ error: Int32) {
        switch error {
        case 0: reachEnd()
        case ENOBUFS:
            ring.statistics.receiveBuffersExhausted += 1
            large.use()
        case EAGAIN: large.giveUp()
        case ECANCELED, EINTR: break
        case ECONNRESET where opposite.hasSaidAll, EPIPE where opposite.hasSaidAll: reachEnd()
        case ECONNRESET, EPIPE, ETIMEDOUT: pump.end(.broken(sourceSide, .reset))
        default: pump.end(.broken(sourceSide, .system(error)))
        }
    }

    /// - Parameter leftMore: more bytes are behind these, or the end, which then goes with them in one segment.
    private func take(_ buffer: consuming ReceivedBuffer, leftMore: Bool) {
        guard pump.outcome == nil else { return }
        let bytes = buffer.unsafeBytes
        let isFull = bytes.count == ring.buffers.bytesEach
        if !isFull { gate.copy() }
        guard isPlain && waiting.isEmpty && sending == nil else {
            if isFull { large.use() }
            return buffer.withBytes { translate($0) }
        }
        let more = isFull ? Int(linux_readable_bytes(source.descriptor)) : 0
        guard more > 0, bytes.count < LargeReceive.bytes else {
            if isFull { noteLarge(bytes.count) }
            count(bytes.count)
            lent = consume buffer
            endsBehindLent = leftMore && linux_has_ended(source.descriptor)
            return send(bytes, endsBehindLent ? Self.lastFlags : Self.tryFlags)
        }
        takeLarge(join(bytes))
    }

    /// Puts what fills a shared buffer and what is behind it in the socket into memory of the direction's own, to be
    /// sent in one piece; how many bytes that are. There is something, or a receive could meet a reset that belongs
    /// behind these bytes, and would be the only one to hear of it.
    private func join(_ bytes: UnsafeRawBufferPointer) -> Int {
        let memory = large.borrow(from: ring.blocks)
        memory.copyMemory(from: bytes)
        let room = UnsafeMutableRawBufferPointer(rebasing: memory[bytes.count...])
        let received = recv(source.descriptor, room.baseAddress, room.count, Int32(LINUX_MSG_DONTWAIT.rawValue))
        return bytes.count + max(0, received)
    }

    private func takeLarge(_ length: Int) {
        if isPlain && waiting.isEmpty {
            large.keep(length)
            // A receive that is not filled leaves nothing behind: the next one waits.
            if length == LargeReceive.bytes { large.use() } else { large.giveUp() }
            count(length)
            ring.heldBytes += length
            guard ring.heldBytes <= ring.heldBytesLimit else { return pump.end(.overloaded) }
        } else {
            // This may end the pump, and with it the loan of the memory.
            translate(large.received(length))
        }
        guard length < LargeReceive.worthwhileBytes else { return noteLarge(length) }
        large.giveUp()
        gate.copy()
    }

    var isPlain: Bool { source.layer == nil && target.layer == nil }

    func count(_ length: Int) {
        source.bytesReceived += UInt64(length)
        target.bytesSent += UInt64(length)
        pump.noteActivity()
    }

    // MARK: From the source's form to the target's

    /// Opens the source's records, if it has any, and forwards what they carry; straight into what is sent, where the
    /// target has none.
    private func translate(_ bytes: UnsafeRawBufferPointer) {
        guard let layer = source.layer else {
            count(bytes.count)
            return forward(bytes.bytes)
        }
        var answer = ByteQueue()
        let status: RecordStatus
        if target.layer == nil {
            let before = waiting.count
            status = layer.open(bytes.bytes, plaintext: &waiting, reply: &answer)
            count(waiting.count - before)
        } else {
            var plaintext = ByteQueue()
            status = layer.open(bytes.bytes, plaintext: &plaintext, reply: &answer)
            count(plaintext.count)
            plaintext.withBytes { forward($0) }
        }
        answer.withBytes { opposite.send(answer: $0) }
        if opposite.waiting.count > Self.waitingLimitBytes { pump.end(.broken(sourceSide, .insecure)) }
        switch status {
        case .open: break
        case .ended: reachEnd()
        case .failed: pump.end(.broken(sourceSide, .insecure))
        }
    }

    private func forward(_ plaintext: RawSpan) {
        guard let layer = target.layer else { return waiting.append(plaintext) }
        guard plaintext.byteCount > 0 else { return }
        if layer.seal(plaintext, ciphertext: &waiting) == .failed { pump.end(.broken(targetSide, .insecure)) }
    }

    /// Sends what the opposite direction's record layer has to say to our target, unless the target is being told that
    /// nothing more comes.
    private func send(answer: RawSpan) {
        guard answer.byteCount > 0, !hasSaidAll else { return }
        waiting.append(answer)
        proceed()
    }

    func reachEnd() {
        guard end == .open else { return }
        end = .reached
        large.giveUp()
        pump.noteEnd(of: sourceSide)
    }

    private func tellEnd() {
        end = .telling
        target.layer?.sealEnd(ciphertext: &waiting)
        proceed()
    }

    /// The target has got everything and has only the end to hear of. It may just go then: closing with our notice
    /// unread looks like a reset.
    var hasSaidAll: Bool { end == .telling || end == .passedOn }

    private func passEndOn() {
        end = .passedOn
        ring.cancel(watch.operation)
        linux_shutdown_write(target.descriptor)
        pump.noteAllSent(from: sourceSide)
        pump.settle()
    }
}
