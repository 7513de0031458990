import CLinux
import CUring
import Glibc

/// One direction of a pump: receive, turn (through the record layers, where there are any), send, again.
///
/// Between two plain sockets the bytes are sent straight from the buffer that the kernel received them into. Where the
/// reader is slow, they move to memory of the direction's own, so that no shared buffer waits for anybody.
final class PumpDirection: CompletionSink {
    private let source: Stream
    private let target: Stream
    private let sourceSide: Pump.Side
    private let targetSide: Pump.Side
    private unowned var pump: Pump!
    private unowned var opposite: PumpDirection!

    private var receiving: OperationID?
    private var sending: OperationID?
    private var watch: SourceWatch
    /// What is being sent: a shared buffer, tried once without waiting, or bytes of our own.
    private var lent: ReceivedBuffer?
    private var outgoing = ByteQueue()
    /// What is sent after that. The opposite direction adds what its record layer answers.
    private var waiting = ByteQueue()
    private var large = LargeReceive()
    private var end = End.open
    /// What the target did not take at once, in bytes, as the observer was told; 0: nothing.
    private var heldBack = 0

    /// Bytes that may wait behind a send. One receive's worth comes here in order; more are the record layer's
    /// answers to a peer that asks and asks and does not take them.
    private static let waitingLimitBytes = 256 << 10

    private enum End {
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
    }

    /// Belongs to `pump` from now on, and with it the source's receive that may be in flight.
    func attach(to pump: Pump, opposite: PumpDirection) {
        self.pump = pump
        self.opposite = opposite
        guard let operation = source.receiving.take() else { return }
        ring.redirect(operation, to: self)
        receiving = operation
    }

    private var ring: Ring { source.ring }

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
    var bytesMoved: UInt64 { target.bytesSent }
    /// Nothing waits for the target.
    var hasSentAll: Bool { sending == nil && waiting.isEmpty }

    func cancel() {
        ring.cancel(receiving)
        ring.cancel(sending)
        ring.cancel(watch.operation)
    }

    /// Puts the next operation in flight.
    private func proceed() {
        guard pump.outcome == nil else { return pump.settle() }
        guard sending == nil else { return }
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
        if let memory = large.memory {
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
            received(completion)
        } else if operation == watch.operation {
            watched(completion.result)
        } else {
            precondition(operation == sending)
            sending = nil
            sent(completion.result)
        }
        proceed()
    }

    private func received(_ completion: Completion) {
        let result = completion.result
        if let id = completion.bufferID {
            take(
                ring.buffers.take(id, count: Int(result)),
                isLast: completion.leftMore && linux_has_ended(source.descriptor))
        } else if pump.outcome != nil {
            return
        } else if result > 0 {
            takeLarge(Int(result))
        } else {
            switch -result {
            case 0: reachEnd()
            case ENOBUFS:
                ring.statistics.receiveBuffersExhausted += 1
                large.use()
            case EAGAIN: large.giveUp()
            case ECANCELED, EINTR: break
            case ECONNRESET where opposite.hasSaidAll, EPIPE where opposite.hasSaidAll: reachEnd()
            case ECONNRESET, EPIPE, ETIMEDOUT: pump.end(.broken(sourceSide, .reset))
            default: pump.end(.broken(sourceSide, .system(-result)))
            }
        }
    }

    /// - Parameter isLast: the source has ended behind these bytes. The end goes with them then, in one segment.
    private func take(_ buffer: consuming ReceivedBuffer, isLast: Bool) {
        guard pump.outcome == nil else { return }
        let bytes = buffer.unsafeBytes
        if bytes.count == ring.buffers.bytesEach { large.use() }
        if isPlain && waiting.isEmpty && sending == nil {
            count(bytes.count)
            lent = consume buffer
            send(bytes, isLast ? Self.lastFlags : Self.tryFlags)
            if isLast { reachEnd() }
        } else {
            buffer.withBytes { translate($0) }
        }
    }

    private func takeLarge(_ length: Int) {
        guard let memory = large.memory else { return }
        translate(UnsafeRawBufferPointer(rebasing: memory[..<length]))
        if length < LargeReceive.worthwhileBytes { large.giveUp() }
    }

    private var isPlain: Bool { source.layer == nil && target.layer == nil }

    private func count(_ length: Int) {
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

    private func reachEnd() {
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
    private var hasSaidAll: Bool { end == .telling || end == .passedOn }

    private func passEndOn() {
        end = .passedOn
        ring.cancel(watch.operation)
        linux_shutdown_write(target.descriptor)
        pump.noteAllSent(from: sourceSide)
        pump.settle()
    }

    // MARK: Sending

    private func sendWaiting() {
        swap(&outgoing, &waiting)
        ring.heldBytes += outgoing.count
        guard ring.heldBytes <= ring.heldBytesLimit else {
            ring.heldBytes -= outgoing.count
            return pump.end(.overloaded)
        }
        // A send that may wait leaves the source alone for as long; whether it has to is seen first.
        let flags = watch.isWanted ? Self.tryFlags : Stream.sendFlags
        send(UnsafeRawBufferPointer(rebasing: outgoing.unsafeBytes.prefix(Stream.sendLimitBytes)), flags)
    }

    private static let tryFlags = LINUX_MSG_NOSIGNAL.rawValue | LINUX_MSG_DONTWAIT.rawValue
    private static let lastFlags = tryFlags | LINUX_MSG_MORE.rawValue

    private func send(_ bytes: UnsafeRawBufferPointer, _ flags: UInt32) {
        sending = ring.begin(self) {
            uring_send($0, target.descriptor, bytes.baseAddress, bytes.count, flags, $1)
        }
    }

    private func sent(_ result: Int32) {
        let taken = max(0, Int(result))
        if let buffer = lent.take() {
            let rest = UnsafeRawBufferPointer(rebasing: buffer.unsafeBytes[taken...])
            waiting.append(rest)
            if !rest.isEmpty { holdBack(rest.count) }
        } else {
            if taken < min(outgoing.count, Stream.sendLimitBytes) { holdBack(outgoing.count - taken) }
            ring.heldBytes -= taken
            outgoing.removeFirst(taken)
            if !outgoing.isEmpty { keepRest() }
        }
        switch -result {
        case ..<0: pump.noteActivity()
        case EAGAIN, ECANCELED, EINTR: break
        case EPIPE where hasSaidAll, ECONNRESET where hasSaidAll: waiting.removeAll()
        case 0, EPIPE, ECONNRESET, ETIMEDOUT: pump.end(.broken(targetSide, .reset))
        default: pump.end(.broken(targetSide, .system(-result)))
        }
    }

    /// The kernel took less than all: the rest goes first next time.
    private func keepRest() {
        ring.heldBytes -= outgoing.count
        var later = ByteQueue()
        swap(&later, &waiting)
        swap(&waiting, &outgoing)
        later.withBytes { waiting.append($0) }
    }

    // MARK: While the target does not read

    private func holdBack(_ bytes: Int) {
        watchSource()
        guard heldBack == 0 else { return }
        heldBack = bytes
        pump.observer?.readingPaused(from: sourceSide, holding: bytes)
    }

    func release() {
        guard heldBack > 0 else { return }
        pump.observer?.readingResumed(from: sourceSide, releasing: heldBack)
        heldBack = 0
    }

    /// From now on a source that breaks is noticed while nothing is received.
    private func watchSource() {
        guard watch.isWanted, pump.outcome == nil else { return }
        watch.operation = ring.begin(self) { uring_poll($0, source.descriptor, SourceWatch.events, $1) }
    }

    private func watched(_ result: Int32) {
        watch.operation = nil
        guard pump.outcome == nil, end != .passedOn else { return }
        // A receive in flight tells more; if it brings bytes, the next send that has to wait looks again.
        if watch.hasFailed(result), receiving == nil, !opposite.hasSaidAll { pump.end(.broken(sourceSide, .reset)) }
    }
}
