import CLinux
import Glibc

/// Why there is no ring, in words an administrator can act on.
public struct RingUnavailable: Error, CustomStringConvertible, Equatable {
    /// The kernel's errno, positive.
    public let errno: Int32
    /// One line: the cause, and what helps.
    public let description: String

    /// What the same errno may come of.
    struct Circumstances {
        /// As `uname -r` says it.
        var kernel: String
        /// kernel.io_uring_disabled; nil where the kernel has no such setting.
        var disabled: Int?
        /// kernel.io_uring_group.
        var group: Int?
        /// `Seccomp:` of /proc/self/status; 2 is a filter.
        var seccomp: Int?
        /// RLIMIT_MEMLOCK in bytes.
        var lockedBytesMax: UInt64
        var user: UInt32
    }

    init(_ errno: Int32) {
        self.init(errno, .current)
    }

    init(_ errno: Int32, _ circumstances: Circumstances) {
        self.errno = errno
        description =
            "io_uring is not available: io_uring_setup: \(systemErrorText(errno)); "
            + circumstances.causeAndRemedy(of: errno)
    }
}

extension RingUnavailable.Circumstances {
    fileprivate func causeAndRemedy(of errno: Int32) -> String {
        switch errno {
        case EPERM: refusal
        case EACCES: "a security module (SELinux, AppArmor) refuses it: see the audit log"
        case ENOSYS where isOld: "this kernel (\(kernel)) is too old: Mailrace needs Linux 6.1 or later"
        case ENOSYS:
            "this kernel (\(kernel)) was built without CONFIG_IO_URING, or a sandbox (gVisor, a seccomp profile) hides"
                + " it; Mailrace needs Linux 6.1 or later with io_uring"
        case ENOMEM:
            "the locked-memory limit (\(lockedBytesMax >> 10) KiB for user \(user), shared by all its processes) is too"
                + " small for a ring: raise RLIMIT_MEMLOCK (systemd: LimitMEMLOCK=256M)"
        case EMFILE, ENFILE:
            "there is no descriptor left for a ring: raise RLIMIT_NOFILE (systemd: LimitNOFILE=)"
        case EINVAL:
            "this kernel (\(kernel)) lacks SINGLE_ISSUER, DEFER_TASKRUN or another feature: Mailrace needs Linux 6.1 or"
                + " later"
        default: "kernel \(kernel)"
        }
    }

    private var refusal: String {
        switch disabled {
        case 2:
            "the sysctl switches it off for every process: set kernel.io_uring_disabled=0"
        case 1:
            "the sysctl keeps it to members of the group kernel.io_uring_group (\(group ?? -1)): add the service's user"
                + " (systemd: SupplementaryGroups=), or set kernel.io_uring_disabled=0"
        case _ where seccomp == 0:
            "no seccomp filter is in force and kernel.io_uring_disabled does not forbid it: a security module may"
        default:
            "a seccomp filter refuses it (container runtimes do so by default): allow @aio in SystemCallFilter= of the"
                + " unit, or io_uring_setup, io_uring_enter and io_uring_register in the profile of the container"
        }
    }

    /// Older than 5.1, the first with io_uring.
    private var isOld: Bool {
        let numbers = kernel.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        return numbers.count == 2 && (numbers[0], numbers[1]) < (5, 1)
    }

    /// Those of this process.
    static var current: Self {
        let seccomp = text(of: "/proc/self/status").split(separator: "\n")
            .first { $0.hasPrefix("Seccomp:") }
            .flatMap { Int($0.dropFirst(8).filter(\.isNumber)) }
        return Self(
            kernel: line("/proc/sys/kernel/osrelease") ?? "unknown",
            disabled: line("/proc/sys/kernel/io_uring_disabled").flatMap { Int($0) },
            group: line("/proc/sys/kernel/io_uring_group").flatMap { Int($0) }, seccomp: seccomp,
            lockedBytesMax: linux_memlock_limit(), user: geteuid())
    }

    private static func line(_ path: String) -> String? {
        text(of: path).split(separator: "\n").first.map(String.init)
    }

    /// The beginning of a file of the kernel's; empty where it cannot be read.
    private static func text(of path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        return String(decoding: bytes.prefix(fread(&bytes, 1, bytes.count, file)), as: UTF8.self)
    }
}
