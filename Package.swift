// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target is built with (see the style rules in README.md, "Working on the code").
let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]
/// The grammar has no unsafe code at all, and the compiler sees to it.
let pure: [SwiftSetting] = house + [.strictMemorySafety()]

let warnings: [CSetting] = [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]

/// Each C library is met in one shim; its headers are included in the shim's .c files only.
let libraries: [Target] = [
    .systemLibrary(
        name: "LibURing", path: "CShims/system/LibURing", pkgConfig: "liburing", providers: [.apt(["liburing-dev"])]),
    .systemLibrary(
        name: "LibSSL", path: "CShims/system/LibSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    // No pkgConfig: its flags are definitions, which SwiftPM refuses; ctoml.cpp states them.
    .systemLibrary(name: "LibToml", path: "CShims/system/LibToml", providers: [.apt(["libtomlplusplus-dev"])]),
]
let shims: [Target] = [
    .target(name: "CLinux", path: "CShims/CLinux", cSettings: warnings),
    .target(name: "CUring", dependencies: ["LibURing"], path: "CShims/CUring", cSettings: warnings),
    .target(name: "COpenSSL", dependencies: ["LibSSL"], path: "CShims/COpenSSL", cSettings: warnings),
    .target(name: "CToml", dependencies: ["LibToml"], path: "CShims/CToml"),
    .target(name: "CGetopt", path: "CShims/CGetopt", cSettings: warnings),
]

/// The map of the house: a target imports only those above it in this list.
let sources: [Target] = [
    .target(name: "Ring", dependencies: ["CUring", "CLinux"], swiftSettings: house),
    .target(name: "Wire", swiftSettings: pure),
    .target(name: "TLS", dependencies: ["Ring", "COpenSSL"], swiftSettings: house),
    .target(name: "Telemetry", dependencies: ["Ring"], swiftSettings: house),
    .target(name: "Settings", dependencies: ["CToml"], swiftSettings: house),
    .target(name: "Relay", dependencies: ["Ring", "Wire", "TLS", "Telemetry", "Settings"], swiftSettings: house),
    .target(
        name: "Service", dependencies: ["Ring", "TLS", "Telemetry", "Settings", "Relay", "CLinux"],
        swiftSettings: house),
    .executableTarget(
        name: "mailrace", dependencies: ["Service", "Settings", "Telemetry", "TLS", "Ring", "CGetopt"],
        swiftSettings: house),
    .executableTarget(
        name: "mailrace-bench", dependencies: ["Ring", "Wire", "TLS", "CGetopt", "CLinux"],
        path: "Benchmarks/mailrace-bench", swiftSettings: house),
]

let tests: [Target] = [
    .target(
        name: "TestCertificates", path: "Tests/TestCertificates", exclude: ["README.md", "generate.sh"],
        swiftSettings: house),
    .target(name: "CTestHeap", path: "Tests/CTestHeap", cSettings: warnings),
    .testTarget(name: "RingTests", dependencies: ["Ring", "CUring", "CLinux"], swiftSettings: house),
    .testTarget(name: "WireTests", dependencies: ["Wire"], swiftSettings: house),
    .testTarget(
        name: "TLSTests", dependencies: ["TLS", "Ring", "TestCertificates", "CTestHeap"], swiftSettings: house),
    .testTarget(name: "TelemetryTests", dependencies: ["Telemetry"], swiftSettings: house),
    .testTarget(name: "SettingsTests", dependencies: ["Settings"], swiftSettings: house),
    .testTarget(
        name: "RelayTests", dependencies: ["Relay", "Ring", "TLS", "Telemetry", "Settings", "TestCertificates"],
        swiftSettings: house),
    .testTarget(
        name: "BenchTests", dependencies: ["mailrace-bench", "Ring", "TLS", "TestCertificates"], swiftSettings: house),
]

let package = Package(
    name: "mailrace",
    products: [
        .executable(name: "mailrace", targets: ["mailrace"]),
        .executable(name: "mailrace-bench", targets: ["mailrace-bench"]),
        .library(name: "Mailrace", targets: ["Relay", "Settings"]),
    ],
    targets: libraries + shims + sources + tests,
    cxxLanguageStandard: .cxx17
)
