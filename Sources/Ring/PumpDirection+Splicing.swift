import CUring
import Glibc

// Between two plain sockets, as long as much comes at a time: the ring tells when the source is ready, splice(2) moves
// what there is into a pipe and out of it, and nothing is copied. (The ring's own splice always takes a worker thread.)
//
// A turn is one splice in and one out. The direction has a pipe for that time, or until the target has taken what is in
// it; never while it waits for the source.
extension PumpDirection {
    /// Begins to splice where enough has come in large pieces.
    func noteLarge(_ length: Int) {
        guard isPlain, gate.isReached(by: length) else { return }
        // Without O_NONBLOCK a splice could wait.
        guard uring_make_nonblocking(source.descriptor) >= 0, uring_make_nonblocking(target.descriptor) >= 0 else {
            return gate.copyForEver()
        }
        large.giveUp()
        gate.splice()
    }

    /// The source can be read, has ended, or has broken.
    func sourceIsReady(_ result: Int32) {
        guard pump.outcome == nil else { return }
        let room = ring.heldBytesLimit - ring.heldBytes
        guard result >= 0, room >= LargeReceive.bytes, let pipe = ring.pipes.lend(at: ring.now) else {
            return copyAgain()
        }
        let taken = pipe.fill(from: source.descriptor, atMost: room)
        guard taken > 0 else {
            ring.pipes.giveBack(pipe)
            return splicedNothing(Int32(-taken))
        }
        count(taken)
        self.pipe = pipe
        ring.heldBytes += taken
        gate.noteSpliced(taken)
        empty(pipe, isFirstTime: true)
    }

    private func splicedNothing(_ error: Int32) {
        switch error {
        // Ready with nothing to splice: an urgent byte is next, which only a receive gets past.
        case EAGAIN: copyAgain()
        case EINVAL, ENOSYS, EOPNOTSUPP, EPERM, ENOMEM:
            gate.copyForEver()
            large.use()
        default: receivedNothing(error)
        }
    }

    private func copyAgain() {
        gate.copy()
        large.use()
    }

    /// The target takes bytes again, or has broken; the splice tells.
    func targetIsReady() {
        guard pump.outcome == nil, let pipe else { return }
        empty(pipe, isFirstTime: false)
    }

    private func empty(_ pipe: SplicePipe, isFirstTime: Bool) {
        let given = pipe.empty(into: target.descriptor)
        ring.heldBytes -= max(0, given)
        switch Int32(-given) {
        case ..<0:
            pump.noteActivity()
            pump.observer?.spliced(given)
        case EAGAIN where isFirstTime, EINTR: break
        case 0, EPIPE, ECONNRESET, ETIMEDOUT: return pump.end(.broken(targetSide, .reset))
        case EAGAIN, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, ENOMEM: return copyRest(of: pipe)
        default: return pump.end(.broken(targetSide, .system(Int32(-given))))
        }
        guard pipe.count > 0 else {
            self.pipe = nil
            return ring.pipes.giveBack(pipe)
        }
        holdBack(pipe.count)
        sending = ring.begin(self) { uring_poll($0, target.descriptor, PollEvents.writable.rawValue, $1) }
    }

    /// The target takes nothing from a pipe, or cannot be waited for: once its own direction has ended, the ring's
    /// polls tell that, and tell it at once. What is in the pipe is sent from memory, as is all that comes.
    private func copyRest(of pipe: SplicePipe) {
        ring.heldBytes -= pipe.count
        pipe.empty(into: &waiting)
        self.pipe = nil
        ring.pipes.giveBack(pipe)
        gate.copyForEver()
    }
}
