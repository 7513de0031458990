import CLinux
import Glibc

/// What the process uses of the machine, as the kernel says.
struct ProcessUsage: Sendable {
    var openDescriptors: UInt64 = 0
    var descriptorsMax: UInt64 = 0
    var residentBytes: UInt64 = 0
    var cpuNanoseconds: UInt64 = 0

    /// Asks the kernel. Blocks; with many descriptors open for some milliseconds.
    static func now() -> ProcessUsage {
        var usage = ProcessUsage()
        var hard: UInt64 = 0
        linux_descriptor_limits(&usage.descriptorsMax, &hard)
        usage.openDescriptors = entries(of: "/proc/self/fd")
        usage.residentBytes = resident() * UInt64(sysconf(Int32(_SC_PAGESIZE)))
        var resources = rusage()
        if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &resources) == 0 {
            usage.cpuNanoseconds = nanoseconds(resources.ru_utime) + nanoseconds(resources.ru_stime)
        }
        return usage
    }

    private static func nanoseconds(_ time: timeval) -> UInt64 {
        UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_usec) * 1_000
    }

    private static func entries(of folder: String) -> UInt64 {
        guard let stream = opendir(folder) else { return 0 }
        defer { closedir(stream) }
        var count: UInt64 = 0
        while readdir(stream) != nil { count += 1 }
        // Itself, its parent, and the descriptor that this takes.
        return max(count, 3) - 3
    }

    /// In pages: the second number of statm (proc(5)).
    private static func resident() -> UInt64 {
        var text = [UInt8](repeating: 0, count: 256)
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        let count = read(descriptor, &text, text.count)
        let numbers = text.prefix(max(0, count)).split(separator: UInt8(ascii: " "))
        return numbers.count > 1 ? UInt64(String(decoding: numbers[1], as: UTF8.self)) ?? 0 : 0
    }
}
