import CLinux
import CUring
import Glibc

/// A pipe through which bytes go from one socket to another without being copied. Closed when it goes.
///
/// Errors are errno values, negative.
final class SplicePipe {
    private let reading: Int32
    private let writing: Int32
    /// Bytes that it can hold, and holds.
    let capacity: Int
    private(set) var count = 0

    /// `nil` where the kernel gives none, or one of less than `smallestBytes`.
    init?(capacity wanted: Int, smallestBytes: Int) {
        var ends: [Int32] = [-1, -1]
        let got = uring_pipe(&ends, Int32(wanted))
        guard got >= 0 else { return nil }
        (reading, writing) = (ends[0], ends[1])
        capacity = Int(got)
        guard capacity >= smallestBytes else { return nil }
    }

    deinit {
        linux_close(reading)
        linux_close(writing)
    }

    /// Takes in what waits in a socket; bytes taken, 0 where its direction has ended. For an empty pipe.
    func fill(from socket: Int32, atMost limit: Int = .max) -> Int {
        precondition(count == 0)
        let taken = Int(uring_splice_now(socket, writing, min(capacity, limit)))
        count += max(0, taken)
        return taken
    }

    /// Gives a socket as much as it takes; bytes given.
    func empty(into socket: Int32) -> Int {
        let given = Int(uring_splice_now(reading, socket, count))
        count -= max(0, given)
        return given
    }

    /// Moves what it holds into memory.
    func empty(into queue: inout ByteQueue) {
        while count > 0 {
            let length = count
            queue.append(atLeast: length) { memory in
                let taken = read(reading, memory.baseAddress, min(memory.count, length))
                precondition(taken > 0, "a pipe lost bytes that it held")
                count -= taken
                return taken
            }
        }
    }
}

/// The pipes of a shard: lent to a direction for a turn, or for as long as its bytes are in one, never owned by a
/// session. A user without privileges has 64 MiB of pipes (fs.pipe-user-pages-soft).
final class PipePool {
    /// Pipes that there may be; 0: nothing is spliced.
    let limit: Int
    private var free: [SplicePipe] = []
    private(set) var open = 0
    private var nextAttempt = Instant(nanoseconds: 0)

    static let pipeBytes = 1 << 20
    /// With a pipe of less than this, splicing costs as much as copying.
    static let smallestPipeBytes = 128 << 10
    /// Until the kernel is asked again after it has refused a pipe.
    private static let pause: Duration = .seconds(1)

    init(limit: Int) {
        self.limit = limit
    }

    /// Pipes that are with somebody.
    var lent: Int { open - free.count }

    /// An empty pipe; `nil` where all are lent or the kernel gives no more of them.
    func lend(at now: Instant) -> SplicePipe? {
        if let pipe = free.popLast() { return pipe }
        guard open < limit, now >= nextAttempt else { return nil }
        if open == 0 { uring_hold_broken_pipe_signal() }
        guard let pipe = SplicePipe(capacity: Self.pipeBytes, smallestBytes: Self.smallestPipeBytes) else {
            nextAttempt = now + Self.pause
            return nil
        }
        open += 1
        return pipe
    }

    /// Takes a pipe back. One that still holds bytes is closed: they belong to nobody any more.
    func giveBack(_ pipe: SplicePipe) {
        if pipe.count == 0 { free.append(pipe) } else { open -= 1 }
    }
}
