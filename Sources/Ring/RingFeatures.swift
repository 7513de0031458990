import CLinux
import CUring
import Glibc

/// What the kernel's io_uring offers beyond the baseline of 6.1. Probed at start, never assumed.
public struct RingFeatures: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Receives and sends that take several provided buffers at once (6.10).
    public static let bundles = RingFeatures(rawValue: 1 << 0)
    /// Waiting for a minimum time to gather completions (6.12).
    public static let minimumWait = RingFeatures(rawValue: 1 << 1)
    /// Operations up to FIXED_FD_INSTALL (6.8).
    public static let descriptorInstall = RingFeatures(rawValue: 1 << 2)

    /// The baseline: what every supported kernel has, and nothing newer.
    public static let kernel61: RingFeatures = []

    static func probed(_ ring: OpaquePointer) -> RingFeatures {
        let bits = uring_feature_bits(ring)
        var features = RingFeatures()
        if bits & 1 << 14 != 0 { features.insert(.bundles) }
        if bits & 1 << 15 != 0 { features.insert(.minimumWait) }
        if uring_last_operation(ring) >= 54 { features.insert(.descriptorInstall) }
        return features
    }

    /// Each feature with its name, for reports.
    public static let names: [(feature: RingFeatures, name: String)] = [
        (.bundles, "receive and send bundles"),
        (.minimumWait, "minimum wait"),
        (.descriptorInstall, "descriptor install"),
    ]
}

/// What io_uring offers here, for people.
public enum RingReport {
    /// A name and a value each. Opens a small ring to find out.
    public static var lines: [(name: String, value: String)] {
        let ring: Ring
        do throws(RingUnavailable) {
            let small = Ring.Sizes(submissions: 64, completions: 128, receiveBuffers: 16, receiveBufferBytes: 4096)
            ring = try Ring(sizes: small)
        } catch {
            return [("io_uring", error.description)]
        }
        return [("io_uring", "available")]
            + RingFeatures.names.map { ("  \($0.name)", ring.features.contains($0.feature) ? "yes" : "no") }
    }
}

/// Why there is no ring, in words an administrator can act on.
public struct RingUnavailable: Error, CustomStringConvertible, Equatable {
    /// The kernel's errno, positive.
    public let errno: Int32
    public let description: String

    init(_ errno: Int32) {
        self.errno = errno
        description = "io_uring is not available: " + Self.causeAndRemedy(errno)
    }

    private static func causeAndRemedy(_ errno: Int32) -> String {
        switch errno {
        case ENOSYS:
            "this kernel has no io_uring. Mailrace needs Linux 6.1 or later with CONFIG_IO_URING"
        case EPERM, EACCES:
            switch disabledSetting() {
            case 2: "it is switched off by sysctl. Set kernel.io_uring_disabled=0"
            case 1:
                "it is kept to a group by sysctl. Set kernel.io_uring_disabled=0, or add Mailrace's group to "
                    + "kernel.io_uring_group"
            default:
                "a seccomp filter refuses it (container runtimes do so by default). Allow the system calls "
                    + "io_uring_setup, io_uring_enter and io_uring_register"
            }
        case ENOMEM:
            "the locked-memory limit is too small for a ring. Raise RLIMIT_MEMLOCK (systemd: LimitMEMLOCK=)"
        case EMFILE:
            "the process has no descriptor left for a ring. Raise RLIMIT_NOFILE (systemd: LimitNOFILE=)"
        case EINVAL:
            "this kernel lacks SINGLE_ISSUER or DEFER_TASKRUN. Mailrace needs Linux 6.1 or later"
        default:
            systemErrorText(errno)
        }
    }

    /// The value of kernel.io_uring_disabled; `nil` where the kernel has no such setting.
    private static func disabledSetting() -> Int? {
        guard let file = fopen("/proc/sys/kernel/io_uring_disabled", "r") else { return nil }
        defer { fclose(file) }
        let digit = fgetc(file)
        return digit < 0x30 ? nil : Int(digit) - 0x30
    }
}

/// The system's words for an errno (positive).
public func systemErrorText(_ error: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
        linux_error_text(error, text.baseAddress!, text.count)
        return String(cString: text.baseAddress!)
    }
}
