import Glibc

/// Tells how long the thread that makes it could have run and had no processor. What is measured of a thread on a busy
/// machine is too much by that.
///
/// Not Sendable: its thread alone asks.
public final class ProcessorQueue {
    private let statistics = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)

    public init() {}

    deinit { if statistics >= 0 { close(statistics) } }

    /// Since the thread's beginning; 0 where the system does not tell. (Linux: the second word of schedstat.)
    public var waitedNanoseconds: UInt64 {
        var text = [UInt8](repeating: 0, count: 100)
        let count = pread(statistics, &text, text.count, 0)
        let words = text.prefix(max(0, count)).split(separator: UInt8(ascii: " "))
        return words.count > 1 ? UInt64(String(decoding: words[1], as: UTF8.self)) ?? 0 : 0
    }
}
