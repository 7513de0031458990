import Settings
import Testing
import Wire

@testable import mailrace

@Suite struct CommandManualTests {
    private func page() throws -> String {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let bytes = try FileReader.read(root + "/packaging/man/mailrace.8", bytesMax: 1 << 20)
        return String(decoding: bytes, as: UTF8.self).replacing("\\-", with: "-")
    }

    private func section(_ name: String, of page: String) throws -> [Substring] {
        let lines = page.split(separator: "\n")
        let start = try #require(lines.firstIndex(of: ".SH \(name)")) + 1
        return Array(lines[start...].prefix { !$0.hasPrefix(".SH ") })
    }

    @Test func theManualHasEveryCommand() throws {
        let commands = try section("COMMANDS", of: page())
        for command in Options.Command.allCases { #expect(commands.contains(".B \(command.rawValue)")) }
        #expect(commands.count { $0 == ".TP" } == Options.Command.allCases.count)
    }

    @Test func theManualHasEveryOption() throws {
        let described = try section("OPTIONS", of: page()).compactMap { line in
            line.firstRange(of: "--").map { option(line[$0.lowerBound...]) }
        }
        let helps = ([nil] + Options.Command.allCases).map(Options.help).joined()
        let options = helps.split(separator: "\n").filter { $0.hasPrefix("  --") }.map { option($0.dropFirst(2)) }
        #expect(Set(described) == Set(options))
    }

    private func option(_ text: Substring) -> Substring {
        text.prefix { $0 == "-" || $0.isLowercase }
    }

    private static let replies: [LocalReply] = [
        .routeNotKnown, .upstreamNotUnderstood, .upstreamNotInformed, .upstreamNotReachable, .upstreamLeaves,
        .upstreamLost, .upstreamNotSecure, .multiRouteDeferred, .oneRecipientOnly, .tooManyRecipients, .dataTimeout,
        .messageNotRead, .chunkNotRead, .badPipelining, .chunkOutOfPlace, .messageHoldsBareCarriageReturn,
        .messageHoldsBareLineFeed, .messageHoldsNUL, .smtpUTF8NotTaken, .requireTLSNotPossible, .messageTooLarge,
        .noValidRecipients, .lineOfMessageTooLong, .eightBitNotTaken, .binaryNotTaken, .relayDenied,
        .parameterNotTaken,
    ]

    @Test func theManualHasEveryReplyToMessages() throws {
        let said = try section("REPLIES", of: page()).filter { $0.first?.isNumber == true }
        let replies = Self.replies.map { "\($0.code) \($0.status) \($0.text)" }
        #expect(said.map(String.init).sorted() == replies.sorted())
    }

    @Test(arguments: [
        ExitCode.success, .unknown, .usage, .unavailable, .output, .temporary, .configuration, .stopped,
    ])
    func theManualHasEveryExitStatus(_ code: ExitCode) throws {
        #expect(try section("EXIT STATUS", of: page()).contains(".B \(code.rawValue)"))
    }
}
