import Testing

@testable import Telemetry

/// The rules and the dashboard that are shipped know only what there is.
@Suite struct ObservabilityTests {
    private static let folder =
        "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/") + "/packaging/observability/"

    /// The words of a file that are names of series, by their beginning.
    private func names(in file: String) throws -> Set<String> {
        let text = try readFile(Self.folder + file)
        let words = text.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_")) }
        return Set(
            words.filter { word in ["mailrace_", "process_", "smtp_", "smtpd_"].contains { word.hasPrefix($0) } }
                .map(String.init))
    }

    @Test(arguments: ["mailrace-alerts.yml", "mailrace-alerts.test.yml", "mailrace-dashboard.json"])
    func everySeriesIsThere(_ file: String) throws {
        let histograms = Series.all.filter { $0.kind == .histogram }
            .flatMap { series in ["_bucket", "_sum", "_count"].map { series.name + $0 } }
        let known = Set(Series.all.filter { $0.kind != .histogram }.map(\.name) + histograms)
        let names = try names(in: file)
        #expect(names.count > 10)
        #expect(names.subtracting(known) == [])
    }

    @Test func everyAlertIsTested() throws {
        let rules = try readFile(Self.folder + "mailrace-alerts.yml").split(separator: "\n")
        let alerts = rules.compactMap { line in
            line.firstRange(of: "- alert: ").map { String(line[$0.upperBound...]) }
        }
        let tests = try readFile(Self.folder + "mailrace-alerts.test.yml")
        #expect(alerts.count > 10 && Set(alerts).count == alerts.count)
        for alert in alerts { #expect(tests.contains("alertname=\"\(alert)\""), "\(alert)") }
    }
}
