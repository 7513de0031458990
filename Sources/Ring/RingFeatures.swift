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

/// The system's words for an errno (positive).
public func systemErrorText(_ error: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
        linux_error_text(error, text.baseAddress!, text.count)
        return String(cString: text.baseAddress!)
    }
}
