import TLS
import Testing

@testable import mailrace_bench

@Suite struct ManualTests {
    /// The options of one command in the manual page, as its help heads them.
    private func options(of command: String, in page: [Substring]) throws -> [String] {
        let start = try #require(page.firstIndex(of: ".SS \(command)")) + 1
        let section = page[start...].prefix { !$0.hasPrefix(".S") }
        return section.filter { $0.hasPrefix("\\fB\\-\\-") }.map { line in
            ["\\fB", "\\fI", "\\fR", "\\"].reduce(String(line)) { $0.replacing($1, with: "") }
        }
    }

    @Test func theManualHasEveryOptionInItsPlace() throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let text = try SmallFile.read(root + "/packaging/man/mailrace-bench.1").bytes
        let page = String(decoding: text, as: UTF8.self).split(separator: "\n")
        for (name, help) in [
            (Load.name, Load.help), (Sink.name, Sink.help), (Idle.name, Idle.help), (Compare.name, Compare.help),
        ] {
            let heads = help.split(separator: "\n").filter { $0.hasPrefix("  --") }.map { line in
                // One blank stands before an argument, and two or more before what is said of the option.
                let words = line.dropFirst(2).split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
                let argument = words[1].hasPrefix(" ") ? "" : " \(words[1].prefix { $0 != " " })"
                return "\(words[0])\(argument)"
            }
            #expect(try options(of: name, in: page) == heads)
        }
    }
}
