import Policy
import Ring
import Service
import Settings
import Testing

@testable import mailrace

/// One after the other: getopt keeps its place in variables of the process.
@Suite("The command line", .serialized)
struct OptionsTests {
    @Test(arguments: [
        (["run"], Options(command: .run)),
        (["run", "--config", "/a"], Options(command: .run, file: "/a")),
        (["--config=/a", "check"], Options(command: .check, file: "/a")),
        (["check", "--conf", "/a", "--config=/b"], Options(command: .check, file: "/b")),
        (["check", "--set", "a=1", "--set=b=2"], Options(command: .check, settings: ["a=1", "b=2"])),
        (["check", "--print", "--system"], Options(command: .check, printsSettings: true, printsSystem: true)),
        (["reload", "--socket", "/s", "--set=a=1"], Options(command: .reload, settings: ["a=1"], socket: "/s")),
        (["status", "--watch"], Options(command: .status, watches: true)),
        (
            ["sessions", "--limit=7", "--json", "--admin", "[::1]:9"],
            Options(command: .sessions, admin: .init("[::1]:9"), printsJSON: true, limit: 7)
        ),
        (["password", "--user", "joe"], Options(command: .password, user: "joe")),
        (["password", "--method=argon2id"], Options(command: .password, method: .argon2id)),
        (["--", "run"], Options(command: .run)),
        (["route", "joe@example.com"], Options(command: .route, inquiry: inquiry())),
        (["route", "--", "<joe@example.com>"], Options(command: .route, inquiry: inquiry(isBracketed: true))),
        (
            ["route", "joe@example.com", "--json", "--verbose", "--listener=mx", "--config", "/a"],
            Options(
                command: .route, file: "/a", printsJSON: true, inquiry: inquiry { $0.listener = "mx" }, isVerbose: true)
        ),
        (["run", "--config", "--"], Options(command: .run, file: "--")),
    ])
    func isUnderstood(_ arguments: [String], _ options: Options) throws {
        #expect(try Invocation(arguments: arguments) == .command(options))
    }

    private static func inquiry(
        isBracketed: Bool = false, _ change: (inout RouteInquiry) -> Void = { _ in }
    ) -> RouteInquiry {
        let command = Array("RCPT TO:<joe@example.com>".utf8)
        var inquiry = RouteInquiry(
            recipient: EnvelopePath(command: command, address: Array("joe@example.com".utf8)))
        change(&inquiry)
        return inquiry
    }

    @Test func aRouteMayBeAskedForInDetail() throws {
        let arguments = ["--sender", "a@example.org", "--client=2001:db8::1", "--login", "j o e", "joe@example.com"]
        let invocation = try Invocation(arguments: ["route"] + arguments)
        guard case .command(let options) = invocation else { return #expect(Bool(false)) }
        let inquiry = try #require(options.inquiry)
        #expect(inquiry.sender?.address == Array("a@example.org".utf8))
        #expect(inquiry.client.host == "2001:db8::1" && inquiry.login == Array("j o e".utf8))
    }

    @Test(arguments: ["", "<>"]) func nobodyMaySend(_ sender: String) throws {
        let invocation = try Invocation(arguments: ["route", "--sender", sender, "joe@example.com"])
        guard case .command(let options) = invocation else { return #expect(Bool(false)) }
        #expect(options.inquiry?.sender?.address == [])
    }

    @Test(arguments: [
        (["--help"], Invocation.help(nil)), (["run", "--help"], .help(.run)), (["--help", "check"], .help(.check)),
        (["check", "--help", "--version"], .help(.check)), (["--version"], .version), (["run", "--version"], .version),
    ])
    func asksForInformation(_ arguments: [String], _ invocation: Invocation) throws {
        #expect(try Invocation(arguments: arguments) == invocation)
    }

    @Test(arguments: [
        ([], "a command is missing"),
        (["--config", "/a"], "a command is missing"),
        (["chek"], "there is no command 'chek'; did you mean check?"),
        (["serve", "--help"], "there is no command 'serve'"),
        (["run", "now"], "unexpected argument 'now'"),
        (["run", "--", "--help"], "unexpected argument '--help'"),
        (["run", "--confg=/a"], "unknown option '--confg=/a'; did you mean --config?"),
        (["run", "--s"], "unknown option '--s'"),
        (["run", "-vx"], "unknown option '-v'"),
        (["run", "--config"], "option '--config' needs an argument"),
        (["check", "--print=yes"], "option '--print=yes' takes no argument"),
        (["run", "--print"], "'--print' is no option of 'run'"),
        (["reload", "--print"], "'--print' is no option of 'reload'"),
        (["run", "--socket=/s"], "'--socket' is no option of 'run'"),
        (["status", "--limit=7"], "'--limit' is no option of 'status'"),
        (["run", "--watch"], "'--watch' is no option of 'run'"),
        (["password", "--config=/a"], "'--config' is no option of 'password'"),
        (["run", "--user=joe"], "'--user' is no option of 'run'"),
        (["password", "--method", "md5"], "'--method md5': expected yescrypt or argon2id"),
        (["sessions", "--limit", "1001"], "'--limit 1001': expected a number from 1 to 1000"),
        (["sessions", "--limit", "x"], "'--limit x': expected a number from 1 to 1000"),
        (
            ["status", "--admin=here"],
            "'--admin here': expected an address, as in 127.0.0.1:9125 or unix:/run/mailrace/admin.sock"
        ),
        (["run", "--system"], "'--system' is no option of 'run'"),
        (["route"], "the address of a recipient is missing"),
        (["route", "a@example.com", "b@example.com"], "unexpected argument 'b@example.com'"),
        (["route", ""], "'' is not the address of a recipient"),
        (["route", "a@b> NOTIFY=NEVER"], "'a@b> NOTIFY=NEVER' is not the address of a recipient"),
        (["route", "a b@example.com"], "'a b@example.com' is not the address of a recipient"),
        (
            ["route", "--sender=joe@", "a@example.com"],
            "'--sender joe@': expected an address, as in joe@example.com, or ''"
        ),
        (
            ["route", "--client=mx.example.com", "a@example.com"],
            "'--client mx.example.com': expected an IP address, as in 192.0.2.1 or 2001:db8::1"
        ),
        (["status", "--verbose"], "'--verbose' is no option of 'status'"),
        (["route", "--socket=/s", "a@example.com"], "'--socket' is no option of 'route'"),
    ])
    func isRefused(_ arguments: [String], _ message: String) {
        let error = #expect(throws: UsageError.self) { try Invocation(arguments: arguments) }
        #expect(error?.message == message)
    }

    @Test(arguments: [nil] + Options.Command.allCases)
    func helpFitsATerminal(_ command: Options.Command?) {
        let lines = Options.help(command).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { $0.count <= 90 && $0.last != " " })
        #expect(lines.first?.hasPrefix("Usage: mailrace") == true && lines.last == "")
    }

    @Test func theEnvironmentIsKnown() {
        #expect(Environment.variables["PATH"]?.isEmpty == false)
    }

    @Test func theSystemIsDescribed() {
        let text = SystemReport.text(ring: [("io_uring", "everything")])
        #expect(text.split(separator: "\n").count == 6)
        #expect(
            text.hasPrefix("kernel:                Linux ") && text.hasSuffix("io_uring:              everything\n"))
    }
}
