import Glibc
import Settings

/// What the kernel and the limits of this process offer.
enum SystemReport {
    private static let nameColumns = 22

    /// A line each; `ring` says what io_uring can do here.
    static func text(ring: [(name: String, value: String)]) -> String {
        let lines =
            [
                ("kernel", kernel),
                ("open files", limit(RLIMIT_NOFILE)),
                ("locked memory", limit(__RLIMIT_MEMLOCK)),
                ("kernel TLS", kernelTLS),
                ("io_uring_disabled", ringSwitch),
            ] + ring
        return lines.map { name, value in
            "\(name):\(String(repeating: " ", count: max(1, nameColumns - name.count)))\(value)\n"
        }.joined()
    }

    private static var kernel: String {
        var names = utsname()
        guard uname(&names) == 0 else { return "unknown" }
        func text<Field>(_ field: Field) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
    }

    private static func limit(_ resource: __rlimit_resource) -> String {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return "unknown" }
        func text(_ value: rlim_t) -> String { value == .max ? "unlimited" : "\(value)" }
        return "\(text(limit.rlim_cur)), at most \(text(limit.rlim_max))"
    }

    private static var kernelTLS: String {
        guard let names = kernelFile("/proc/sys/net/ipv4/tcp_available_ulp") else { return "unknown" }
        return names.split(separator: " ").contains("tls") ? "available" : "not available (module tls is not loaded)"
    }

    private static var ringSwitch: String {
        switch kernelFile("/proc/sys/kernel/io_uring_disabled") {
        case nil: "no such switch in this kernel"
        case "0": "0 (everyone may use io_uring)"
        case "1": "1 (only the group of kernel.io_uring_group and CAP_SYS_ADMIN may use io_uring)"
        case "2": "2 (nobody may use io_uring)"
        case let value?: value
        }
    }

    /// The first line of a file of the kernel's.
    private static func kernelFile(_ path: String) -> String? {
        let bytesMax = 4_096
        guard let bytes = try? FileReader.read(path, bytesMax: bytesMax) else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
