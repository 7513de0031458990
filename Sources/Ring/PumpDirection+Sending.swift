import CLinux
import CUring
import Glibc

// What goes to the target, and what happens while the target does not read.
extension PumpDirection {
    func sendWaiting() {
        swap(&outgoing, &waiting)
        ring.heldBytes += outgoing.count
        guard ring.heldBytes <= ring.heldBytesLimit else {
            ring.heldBytes -= outgoing.count
            return pump.end(.overloaded)
        }
        // A send that may wait leaves the source alone for as long; whether it has to is seen first. So is whether the
        // target takes what is too much for such a send, as the records of one receive often carry.
        guard watch.isWanted || heldBack == 0 && outgoing.count > Stream.sendLimitBytes else {
            let bytes = outgoing.unsafeBytes.prefix(Stream.sendLimitBytes)
            return send(UnsafeRawBufferPointer(rebasing: bytes), Stream.sendFlags)
        }
        send(outgoing.unsafeBytes, Self.tryFlags)
    }

    static var tryFlags: UInt32 { LINUX_MSG_NOSIGNAL.rawValue | LINUX_MSG_DONTWAIT.rawValue }
    static var lastFlags: UInt32 { tryFlags | LINUX_MSG_MORE.rawValue }

    /// Sends from the memory that was received into.
    func sendLarge() {
        let unsent = large.unsent
        guard watch.isWanted else {
            return send(UnsafeRawBufferPointer(rebasing: unsent.prefix(Stream.sendLimitBytes)), Stream.sendFlags)
        }
        send(unsent, Self.tryFlags)
    }

    func send(_ bytes: UnsafeRawBufferPointer, _ flags: UInt32) {
        sending = ring.begin(self) {
            uring_send($0, target.descriptor, bytes.baseAddress, bytes.count, flags, $1)
        }
    }

    func sent(_ result: Int32) {
        let taken = max(0, Int(result))
        if let buffer = lent.take() {
            let rest = UnsafeRawBufferPointer(rebasing: buffer.unsafeBytes[taken...])
            waiting.append(rest)
            if !rest.isEmpty { holdBack(rest.count) }
        } else if !large.unsent.isEmpty {
            sentLarge(taken)
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
        guard endsBehindLent, pump.outcome == nil else { return }
        endsBehindLent = false
        reachEnd()
    }

    private func sentLarge(_ taken: Int) {
        let left = large.unsent.count
        if taken < min(left, Stream.sendLimitBytes) { holdBack(left - taken) }
        ring.heldBytes -= taken
        large.dropUnsent(taken)
        if large.unsent.count < LargeReceive.worthwhileBytes { moveRest() }
        large.giveBackUnlessUnsent(to: ring.blocks)
    }

    /// A small rest is not worth the memory of a large receive.
    private func moveRest() {
        let rest = large.unsent
        ring.heldBytes -= rest.count
        waiting.append(rest)
        large.dropUnsent(rest.count)
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

    func holdBack(_ bytes: Int) {
        watchSource()
        guard heldBack == 0 else { return }
        heldBack = bytes
        pump.observer?.readingPaused(from: sourceSide, holding: bytes)
    }

    /// The target has taken all that it was late with.
    func release() {
        guard heldBack > 0 else { return }
        pump.observer?.readingResumed(from: sourceSide, releasing: heldBack)
        heldBack = 0
    }

    /// The pump has ended: what was for the target goes with it.
    func abandon() {
        release()
        ring.heldBytes -= large.unsent.count
        large.dropUnsent(large.unsent.count)
        large.giveBackUnlessUnsent(to: ring.blocks)
        guard let pipe = pipe.take() else { return }
        ring.heldBytes -= pipe.count
        ring.pipes.giveBack(pipe)
    }

    /// From now on a source that breaks is noticed while nothing is received.
    private func watchSource() {
        guard watch.isWanted, pump.outcome == nil else { return }
        watch.operation = ring.begin(self) { uring_poll($0, source.descriptor, SourceWatch.events, $1) }
    }

    func watched(_ result: Int32) {
        watch.operation = nil
        guard pump.outcome == nil, end != .passedOn else { return }
        // A receive in flight tells more; if it brings bytes, the next send that has to wait looks again.
        if watch.hasFailed(result), receiving == nil, !opposite.hasSaidAll { pump.end(.broken(sourceSide, .reset)) }
    }
}
