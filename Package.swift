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
/// The grammar has no unsafe code but where it wipes secrets, and the compiler sees to it.
let pure: [SwiftSetting] = house + [.strictMemorySafety()]

let warnings: [CSetting] = [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]

/// Each C library is met in one shim; its headers are included in the shim's .c files only.
let libraries: [Target] = [
    .systemLibrary(
        name: "LibURing", path: "CShims/system/LibURing", pkgConfig: "liburing", providers: [.apt(["liburing-dev"])]),
    .systemLibrary(
        name: "LibCAres", path: "CShims/system/LibCAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
    .systemLibrary(
        name: "LibSSL", path: "CShims/system/LibSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
        name: "LibMicroHTTPD", path: "CShims/system/LibMicroHTTPD", pkgConfig: "libmicrohttpd",
        providers: [.apt(["libmicrohttpd-dev"])]),
    .systemLibrary(
        name: "LibCurl", path: "CShims/system/LibCurl", pkgConfig: "libcurl",
        providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "LibCrypt", path: "CShims/system/LibCrypt", providers: [.apt(["libcrypt-dev"])]),
    .systemLibrary(name: "LibPam", path: "CShims/system/LibPam", providers: [.apt(["libpam0g-dev"])]),
    .systemLibrary(name: "LibArgon2", path: "CShims/system/LibArgon2", providers: [.apt(["libargon2-dev"])]),
    .systemLibrary(
        name: "LibIdn2", path: "CShims/system/LibIdn2", pkgConfig: "libidn2", providers: [.apt(["libidn2-dev"])]),
    .systemLibrary(
        name: "LibJansson", path: "CShims/system/LibJansson", pkgConfig: "jansson",
        providers: [.apt(["libjansson-dev"])]),
    .systemLibrary(
        name: "LibSystemd", path: "CShims/system/LibSystemd", pkgConfig: "libsystemd",
        providers: [.apt(["libsystemd-dev"])]),
    .systemLibrary(
        name: "LibSqlite", path: "CShims/system/LibSqlite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]
    ),
    .systemLibrary(
        name: "LibMariaDB", path: "CShims/system/LibMariaDB", pkgConfig: "libmariadb",
        providers: [.apt(["libmariadb-dev"])]),
    .systemLibrary(
        name: "LibPQ", path: "CShims/system/LibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    // No pkgConfig: its flags are definitions, which SwiftPM refuses.
    .systemLibrary(name: "LibHiredis", path: "CShims/system/LibHiredis", providers: [.apt(["libhiredis-dev"])]),
    // No pkgConfig: its flags are definitions, which SwiftPM refuses; ctoml.cpp states them.
    .systemLibrary(name: "LibToml", path: "CShims/system/LibToml", providers: [.apt(["libtomlplusplus-dev"])]),
]
let shims: [Target] = [
    .target(name: "CWipe", path: "CShims/CWipe", cSettings: warnings),
    .target(name: "CLinux", path: "CShims/CLinux", cSettings: warnings),
    .target(name: "CUring", dependencies: ["LibURing"], path: "CShims/CUring", cSettings: warnings),
    .target(name: "CAres", dependencies: ["LibCAres"], path: "CShims/CAres", cSettings: warnings),
    .target(name: "COpenSSL", dependencies: ["LibSSL"], path: "CShims/COpenSSL", cSettings: warnings),
    .target(
        name: "CToml", dependencies: ["LibToml"], path: "CShims/CToml",
        linkerSettings: [.linkedLibrary("tomlplusplus")]),
    .target(
        name: "CMicroHTTPD", dependencies: ["LibMicroHTTPD"], path: "CShims/CMicroHTTPD", cSettings: warnings),
    .target(name: "CCurl", dependencies: ["LibCurl"], path: "CShims/CCurl", cSettings: warnings),
    .target(
        name: "CCrypt", dependencies: ["LibArgon2", "LibCrypt"], path: "CShims/CCrypt", cSettings: warnings,
        linkerSettings: [.linkedLibrary("crypt"), .linkedLibrary("argon2")]),
    .target(
        name: "CPam", dependencies: ["LibPam"], path: "CShims/CPam", cSettings: warnings,
        linkerSettings: [.linkedLibrary("pam")]),
    .target(name: "CIdn", dependencies: ["LibIdn2"], path: "CShims/CIdn", cSettings: warnings),
    .target(name: "CJansson", dependencies: ["LibJansson"], path: "CShims/CJansson", cSettings: warnings),
    .target(name: "CSystemd", dependencies: ["LibSystemd"], path: "CShims/CSystemd", cSettings: warnings),
    .target(name: "CSqlite", dependencies: ["LibSqlite"], path: "CShims/CSqlite", cSettings: warnings),
    .target(name: "CMariaDB", dependencies: ["LibMariaDB"], path: "CShims/CMariaDB", cSettings: warnings),
    .target(name: "CPQ", dependencies: ["LibPQ"], path: "CShims/CPQ", cSettings: warnings),
    .target(
        name: "CHiredis", dependencies: ["LibHiredis"], path: "CShims/CHiredis", cSettings: warnings,
        linkerSettings: [.linkedLibrary("hiredis")]),
    .target(name: "CGetopt", path: "CShims/CGetopt", cSettings: warnings),
]

/// The map of the house: a target imports only those above it in this list.
let sources: [Target] = [
    .target(name: "Ring", dependencies: ["CUring", "CLinux"], swiftSettings: house),
    .target(name: "Wire", dependencies: ["CWipe"], swiftSettings: pure),
    .target(name: "TLS", dependencies: ["Ring", "COpenSSL"], swiftSettings: house),
    .target(name: "Telemetry", dependencies: ["Ring", "CSystemd"], swiftSettings: house),
    .target(name: "Settings", dependencies: ["CToml"], swiftSettings: house),
    .target(
        name: "Lookup",
        dependencies: ["Ring", "Wire", "CAres", "CCurl", "CJansson", "CSqlite", "CMariaDB", "CPQ", "CHiredis"],
        swiftSettings: house),
    .target(
        name: "Policy", dependencies: ["Ring", "Wire", "TLS", "Telemetry", "Lookup", "CCrypt", "CIdn", "CPam"],
        swiftSettings: house),
    .target(
        name: "Relay", dependencies: ["Ring", "Wire", "TLS", "Telemetry", "Lookup", "Policy"], swiftSettings: house),
    .target(
        name: "Service",
        dependencies: [
            "Ring", "Wire", "TLS", "Telemetry", "Settings", "Lookup", "Policy", "Relay", "CLinux", "CMicroHTTPD",
            "CSystemd",
        ],
        swiftSettings: house),
    .executableTarget(
        name: "mailrace",
        dependencies: [
            "Service", "Policy", "Lookup", "Settings", "Telemetry", "TLS", "Wire", "Ring", "CGetopt", "CLinux",
            "CCurl",
        ],
        swiftSettings: house),
    .executableTarget(
        name: "mailrace-bench", dependencies: ["Ring", "Wire", "TLS", "CGetopt", "CLinux"],
        path: "Benchmarks/mailrace-bench", swiftSettings: house),
    .executableTarget(
        name: "mailrace-micro",
        dependencies: ["Ring", "Wire", "TLS", "Lookup", "Policy", "CLinux", "TestCertificates"],
        path: "Benchmarks/mailrace-micro", swiftSettings: house),
]

let tests: [Target] = [
    .target(
        name: "TestCertificates", path: "Tests/TestCertificates", exclude: ["README.md", "generate.sh"],
        swiftSettings: house),
    .target(name: "CTestHeap", path: "Tests/CTestHeap", cSettings: warnings),
    .target(
        name: "TestSupport", dependencies: ["Ring", "TLS", "Telemetry", "TestCertificates"], path: "Tests/TestSupport",
        swiftSettings: house),
    .target(name: "CTaskHook", path: "Tests/Support/CTaskHook", cSettings: warnings),
    .testTarget(name: "RingTests", dependencies: ["Ring", "CUring", "CLinux", "CTaskHook"], swiftSettings: house),
    .testTarget(
        name: "LookupTests", dependencies: ["Lookup", "Ring", "Wire", "TLS", "TestSupport", "TestCertificates"],
        swiftSettings: house),
    .testTarget(
        name: "PolicyTests",
        dependencies: ["Policy", "Ring", "Wire", "TLS", "Telemetry", "Lookup", "TestSupport", "TestCertificates"],
        swiftSettings: house),
    .testTarget(name: "WireTests", dependencies: ["Wire"], swiftSettings: house),
    .testTarget(
        name: "TLSTests", dependencies: ["TLS", "Ring", "COpenSSL", "TestCertificates", "CTestHeap"],
        swiftSettings: house),
    .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", "Ring"], swiftSettings: house),
    .testTarget(
        name: "ServiceTests",
        dependencies: [
            "Service", "Policy", "Relay", "Ring", "Settings", "Telemetry", "TLS", "CLinux", "TestCertificates",
            "TestSupport",
        ],
        swiftSettings: house),
    .testTarget(name: "SettingsTests", dependencies: ["Settings"], swiftSettings: house),
    .testTarget(
        name: "MailraceTests", dependencies: ["mailrace", "Lookup", "Policy", "Ring", "Service", "Settings", "Wire"],
        swiftSettings: house),
    .testTarget(
        name: "RelayTests",
        dependencies: [
            "Relay", "Policy", "Ring", "Wire", "TLS", "Telemetry", "Lookup", "TestSupport", "TestCertificates",
            "CTestHeap",
        ],
        swiftSettings: house),
    .testTarget(
        name: "BenchTests", dependencies: ["mailrace-bench", "Ring", "Wire", "TLS", "TestSupport", "TestCertificates"],
        swiftSettings: house),
]

let package = Package(
    name: "mailrace",
    products: [
        .executable(name: "mailrace", targets: ["mailrace"]),
        .executable(name: "mailrace-bench", targets: ["mailrace-bench"]),
        .library(
            name: "Mailrace",
            targets: ["Service", "Relay", "Policy", "Lookup", "Settings", "Telemetry", "TLS", "Wire", "Ring"]),
    ],
    targets: libraries + shims + sources + tests,
    cxxLanguageStandard: .cxx17
)

// With MAILRACE_SANITIZED=yes in the environment only that is there which the sanitizers test: less than half to build.
if Context.environment["MAILRACE_SANITIZED"] == "yes" {
    let tested: Set = ["RingTests", "TLSTests", "LookupTests", "PolicyTests", "RelayTests"]
    let elsewhere: Set = ["Settings", "Service", "mailrace", "mailrace-bench", "mailrace-micro"]
    package.targets.removeAll { elsewhere.contains($0.name) || $0.type == .test && !tested.contains($0.name) }
    let used = Set(package.targets.flatMap(\.dependencies).compactMap(\.targetName))
    package.targets.removeAll { $0.path?.hasPrefix("CShims/") == true && !used.contains($0.name) }
    package.products.removeAll()
}

/// Fuzz targets: `Tests/Fuzz/<name>/<name>.swift` with a function `LLVMFuzzerTestOneInput`, and what it tests.
let fuzzers: [(name: String, dependencies: [Target.Dependency])] = [
    ("LineFuzzer", ["Wire"]),
    ("CommandFuzzer", ["Wire"]),
    ("ReplyFuzzer", ["Wire"]),
    ("ProxyHeaderFuzzer", ["Wire"]),
    ("MapFuzzer", ["Policy", "Lookup", "Ring", "Telemetry"]),
    ("AuthenticationFuzzer", ["Policy", "Lookup", "Ring", "Telemetry", "Wire"]),
    ("HostFieldFuzzer", ["Wire"]),
    ("RedisFuzzer", ["Lookup"]),
    ("SASLFuzzer", ["Wire"]),
    ("EnvelopeFuzzer", ["Wire"]),
    ("MessageFuzzer", ["Wire"]),
    ("SettingsFuzzer", ["Settings"]),
    ("TLSFuzzer", ["TLS", "Ring", "TestCertificates"]),
]

// They exist only with MAILRACE_FUZZ in the environment, because all they test is built with sanitizers then:
//     MAILRACE_FUZZ=1 swift build -c release --scratch-path .build-fuzz --product LineFuzzer
//     .build-fuzz/release/LineFuzzer -max_total_time=30
if Context.environment["MAILRACE_FUZZ"] != nil {
    for target in package.targets where target.type == .regular {
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-sanitize=fuzzer,address"])]
        target.cSettings = (target.cSettings ?? []) + [.unsafeFlags(["-fsanitize=fuzzer-no-link,address"])]
        target.cxxSettings = (target.cxxSettings ?? []) + [.unsafeFlags(["-fsanitize=fuzzer-no-link,address"])]
    }
    package.targets.append(.target(name: "CFuzzing", path: "Tests/Fuzz/CFuzzing", cSettings: warnings))
    package.targets += fuzzers.map { name, dependencies in
        .executableTarget(
            name: name, dependencies: dependencies + ["CFuzzing"], path: "Tests/Fuzz/\(name)",
            swiftSettings: house + [.unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library"])],
            linkerSettings: [
                .unsafeFlags(
                    ["-sanitize=fuzzer,address"]
                        // SwiftPM has the linker take `<name>_main` for `main`; both are the driver's.
                        + ["-Xlinker", "--defsym=\(name)_main=fuzzing_main"]
                        + ["-Xlinker", "--defsym=main=fuzzing_main"])
            ])
    }
}

extension Target.Dependency {
    /// The name of the target that it stands for.
    var targetName: String? {
        switch self {
        case .byNameItem(let name, _), .targetItem(let name, _): name
        default: nil
        }
    }
}
