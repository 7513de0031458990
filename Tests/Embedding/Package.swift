// swift-tools-version: 6.2
import PackageDescription

// A program that embeds Mailrace, as any other would: by the library product, and with no setting of the compiler's that
// Mailrace needs for itself. The step `embedding` of packaging/test builds and tests it.
let package = Package(
    name: "gatehouse",
    dependencies: [.package(name: "mailrace", path: "../..")],
    targets: [
        .target(
            name: "Gatehouse", dependencies: [.product(name: "Mailrace", package: "mailrace")],
            swiftSettings: [.treatAllWarnings(as: .error)]),
        .testTarget(
            name: "GatehouseTests", dependencies: ["Gatehouse", .product(name: "Mailrace", package: "mailrace")],
            swiftSettings: [.treatAllWarnings(as: .error)]),
    ]
)
