import CLinux
import Glibc
import Ring
import Testing

/// The kernel features the suites run with: all there are, or the baseline where MAILRACE_IO_URING_FEATURES=6.1.
let allowedFeatures: RingFeatures =
    getenv("MAILRACE_IO_URING_FEATURES").map { String(cString: $0) } == "6.1" ? .kernel61 : RingFeatures(rawValue: .max)

/// Runs `body` as a task of a fresh shard and ends the shard.
func withShard<Result: Sendable>(
    sizes: Ring.Sizes = Ring.Sizes(), _ body: @escaping @Sendable (isolated Shard) async -> Result
) async throws -> Result {
    let shard = try Shard(sizes: sizes, allowing: allowedFeatures)
    let thread = shard.start()
    let result = await shard.perform(body)
    await shard.stop()
    thread.join()
    return result
}

/// Two connected sockets: one for a stream, one to be driven by hand.
struct Pair: Sendable {
    let ours: Int32
    let theirs: Int32

    init() {
        var ends: [Int32] = [0, 0]
        precondition(linux_socket_pair(&ends) == 0)
        ours = ends[0]
        theirs = ends[1]
    }

    /// Writes all of `text` into the far end.
    func say(_ text: String) {
        var text = text
        text.withUTF8 { precondition(write(theirs, $0.baseAddress, $0.count) == $0.count) }
    }

    /// Reads what waits at the far end, up to 64 KiB; blocks until there is something.
    func hear() -> String {
        withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 1) { memory in
            let length = read(theirs, memory.baseAddress, memory.count)
            return length <= 0 ? "" : String(decoding: memory[..<length], as: UTF8.self)
        }
    }

    func hangUp() { close(theirs) }
}
