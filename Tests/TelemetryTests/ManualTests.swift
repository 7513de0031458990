import Testing

@testable import Telemetry

@Suite struct CounterManualTests {
    /// What the manual says of a series: its first line, and whether there is more.
    private func entries() throws -> [(heading: String, isExplained: Bool)] {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let lines = try readFile(root + "/packaging/man/mailrace.8").split(separator: "\n")
        let start = try #require(lines.firstIndex(of: ".SH COUNTERS"))
        let end = try #require(lines.firstIndex(of: ".SH EXIT STATUS"))
        return (start..<end).compactMap { index -> (heading: String, isExplained: Bool)? in
            guard lines[index].hasPrefix("\\fB"), lines[index - 1] == ".TP" else { return nil }
            let heading = String(lines[index].dropFirst(3).replacing("\\fR", with: ""))
            return (heading: heading, isExplained: index + 1 < end && !lines[index + 1].hasPrefix("."))
        }
    }

    @Test func theManualHasEverySeriesOnceWithItsKindAndLabels() throws {
        let entries = try entries()
        #expect(
            entries.map(\.heading)
                == Series.all.map { "\($0.name) \($0.kind.rawValue): \($0.labels.joined(separator: ", "))" })
        for entry in entries { #expect(entry.isExplained, "\(entry.heading)") }
    }
}
