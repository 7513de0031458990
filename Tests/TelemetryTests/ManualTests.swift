import Testing

@testable import Telemetry

@Suite struct CounterManualTests {
    /// What the manual says of a series: its first line, and the sentence behind that.
    private struct Entry {
        let heading: String
        let help: String
    }

    private func entries() throws -> [Entry] {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let lines = try readFile(root + "/packaging/man/mailrace.8").split(separator: "\n")
        let start = try #require(lines.firstIndex(of: ".SH COUNTERS"))
        let end = try #require(lines.firstIndex(of: ".SH EXIT STATUS"))
        return (start..<end).compactMap { index -> Entry? in
            guard lines[index].hasPrefix("\\fB"), lines[index - 1] == ".TP", index + 1 < end else { return nil }
            let heading = lines[index].dropFirst(3).replacing("\\fR", with: "")
            return Entry(heading: String(heading), help: String(lines[index + 1]))
        }
    }

    @Test func theManualHasEverySeriesOnceWithItsKindItsLabelsAndItsHelp() throws {
        let entries = try entries()
        #expect(
            entries.map(\.heading)
                == Series.all.map { series in
                    let labels = series.labels.isEmpty ? "" : ": \(series.labels.joined(separator: ", "))"
                    return "\(series.name) \(series.kind.rawValue)\(labels)"
                })
        #expect(entries.map(\.help) == Series.all.map(\.help))
    }

    @Test func everySeriesHasItsNameAlone() {
        #expect(Set(Series.all.map(\.name)).count == Series.all.count)
        #expect(Series.all.allSatisfy { $0.help.hasSuffix(".") && $0.help.utf8.count <= 120 })
    }
}
