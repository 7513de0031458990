import CLinux
import CUring
import Glibc

/// Opens a ring and its receive buffers, with patience: kernels that count rings against the locked-memory limit give
/// the memory of ended processes back late, so ENOMEM is tried again for a second, then with smaller rings.
struct RingOpening {
    private let sizes: Ring.Sizes

    private static let patienceSeconds = 1.0
    private static let pauseMicroseconds: UInt32 = 50_000
    private static let smallestSubmissions: UInt32 = 64

    init(_ sizes: Ring.Sizes) {
        self.sizes = sizes
    }

    /// Blocks for up to a second in the worst case; for the start of a shard.
    func open() throws(RingUnavailable) -> (ring: OpaquePointer, buffers: ReceiveBuffers) {
        let start = Instant.current()
        let patience = start + .seconds(Self.patienceSeconds)
        var sizes = sizes
        while true {
            let failure: RingUnavailable
            do throws(RingUnavailable) { return try Self.attempt(sizes) } catch { failure = error }
            guard failure.errno == ENOMEM else { throw failure }
            if Instant.current() < patience {
                usleep(Self.pauseMicroseconds)
            } else {
                guard sizes.submissions / 2 >= Self.smallestSubmissions else { throw failure }
                sizes.submissions /= 2
                sizes.completions /= 2
                sizes.receiveBuffers = min(sizes.receiveBuffers, max(sizes.receiveBuffers / 2, 16))
            }
        }
    }

    private static func attempt(_ sizes: Ring.Sizes) throws(RingUnavailable) -> (OpaquePointer, ReceiveBuffers) {
        var error: Int32 = 0
        let ringSizes = uring_sizes(submissions: sizes.submissions, completions: sizes.completions)
        guard let ring = uring_open(ringSizes, &error) else { throw RingUnavailable(-error) }
        guard
            let buffers = uring_buffers_open(
                ring, sizes.receiveBuffers, sizes.receiveBufferBytes, ReceiveBuffers.group, &error)
        else {
            uring_close(ring)
            throw RingUnavailable(-error)
        }
        return (ring, ReceiveBuffers(buffers, count: Int(sizes.receiveBuffers), bytes: Int(sizes.receiveBufferBytes)))
    }
}
