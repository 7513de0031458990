import Policy
import Service
import Settings

/// What the command line asks for.
struct Options: Equatable {
    enum Command: String, CaseIterable {
        case run, check, reload, upgrade, status, sessions, route, password
    }

    let command: Command
    /// `--config`
    var file: String?
    /// `--set`, in their order: `KEY=VALUE`, not yet looked into.
    var settings: [String] = []
    /// `--print`
    var printsSettings = false
    /// `--system`
    var printsSystem = false
    /// `--socket`
    var socket: String?
    /// `--admin`
    var admin: Settings.ListenAddress?
    /// `--watch`
    var watches = false
    /// `--json`
    var printsJSON = false
    /// `--limit`
    var limit: Int?
    /// `--listener`, `--sender`, `--client`, `--login`, and the address; of `route` alone, which has one.
    var inquiry: RouteInquiry?
    /// `--verbose`
    var isVerbose = false
    /// `--user`
    var user: String?
    /// `--method`
    var method = PasswordHash.Method.yescrypt

    /// Sessions that are shown, and the most that can be.
    static let limitStandard = 50
    static let limitMax = 1_000

    /// Where the settings of this command line come from, with the environment of this process.
    var sources: SettingsSources {
        SettingsSources(file: file, environment: Environment.variables, options: settings)
    }
}

/// What to do first.
enum Invocation: Equatable {
    case command(Options)
    /// The help of one command, or of all.
    case help(Options.Command?)
    case version
}

/// Why a command line cannot be followed.
struct UsageError: Error, Equatable {
    let message: String
}

extension Invocation {
    private enum Flag: String, CaseIterable {
        case config, set, print, system, socket, admin, watch, json, limit, listener, sender, client, login, verbose
        case user, method, help, version

        var takesArgument: Bool {
            switch self {
            case .config, .set, .socket, .admin, .limit, .listener, .sender, .client, .login, .user, .method: true
            case .print, .system, .watch, .json, .verbose, .help, .version: false
            }
        }

        /// The commands that know it; nil is all, and none as well.
        var commands: [Options.Command]? {
            switch self {
            case .config, .set: Options.Command.allCases.filter { $0 != .password }
            case .socket: [.reload, .upgrade]
            case .admin, .watch: [.status, .sessions]
            case .json: [.status, .sessions, .route]
            case .limit: [.sessions]
            case .listener, .sender, .client, .login, .verbose: [.route]
            case .user, .method: [.password]
            case .print, .system: [.check]
            case .help, .version: nil
            }
        }
    }

    /// Reads the arguments that follow the name of the program, by the rules of getopt_long.
    init(arguments: [String]) throws(UsageError) {
        let options = Flag.allCases.map { LongOption(name: $0.rawValue, takesArgument: $0.takesArgument) }
        var given: [(flag: Flag, argument: String)] = []
        var operands: [String] = []
        for part in LongOption.parse(arguments, options) {
            switch part {
            case .option(let index, let argument): given.append((Flag.allCases[index], argument))
            case .operand(let text): operands.append(text)
            case .unknown(let text): throw UsageError(message: "unknown option '\(text)'\(Self.hint(for: text))")
            case .wrong(let message): throw UsageError(message: message)
            }
        }
        let command = try Self.command(operands)
        if given.contains(where: { $0.flag == .help }) {
            self = .help(command)
        } else if given.contains(where: { $0.flag == .version }) {
            self = .version
        } else if let command {
            self = .command(try Self.options(of: command, given, operands.dropFirst().first))
        } else {
            throw UsageError(message: "a command is missing")
        }
    }

    /// The option that an unknown one may have meant.
    private static func hint(for option: String) -> String {
        let name = option.drop { $0 == "-" }.prefix { $0 != "=" }
        let known = Flag.allCases.map(\.rawValue)
        return Spelling.nearest(to: String(name), among: known).map { "; did you mean --\($0)?" } ?? ""
    }

    private static func command(_ operands: [String]) throws(UsageError) -> Options.Command? {
        guard let first = operands.first else { return nil }
        guard let command = Options.Command(rawValue: first) else {
            let hint = Spelling.hint(for: first, among: Options.Command.allCases.map(\.rawValue))
            throw UsageError(message: "there is no command '\(first)'\(hint)")
        }
        let count = command == .route ? 2 : 1
        guard operands.count <= count else { throw UsageError(message: "unexpected argument '\(operands[count])'") }
        return command
    }

    private static func address(_ text: String) throws(UsageError) -> Settings.ListenAddress {
        if let address = Settings.ListenAddress(text) { return address }
        throw UsageError(
            message: "'--admin \(text)': expected an address, as in 127.0.0.1:9125 or unix:/run/mailrace/admin.sock")
    }

    private static func limit(_ text: String) throws(UsageError) -> Int {
        if let limit = Int(text), (1...Options.limitMax).contains(limit) { return limit }
        throw UsageError(message: "'--limit \(text)': expected a number from 1 to \(Options.limitMax)")
    }

    private static func method(_ text: String) throws(UsageError) -> PasswordHash.Method {
        if let method = PasswordHash.Method(rawValue: text) { return method }
        throw UsageError(message: "'--method \(text)': expected yescrypt or argon2id")
    }

    private static func options(
        of command: Options.Command, _ given: [(flag: Flag, argument: String)], _ operand: String?
    ) throws(UsageError) -> Options {
        var options = Options(command: command)
        if command == .route { options.inquiry = try RouteInquiry(recipient: operand) }
        for (flag, argument) in given {
            guard flag.commands?.contains(command) ?? true else {
                throw UsageError(message: "'--\(flag.rawValue)' is no option of '\(command.rawValue)'")
            }
            switch flag {
            case .config: options.file = argument
            case .set: options.settings.append(argument)
            case .print: options.printsSettings = true
            case .system: options.printsSystem = true
            case .socket: options.socket = argument
            case .admin: options.admin = try address(argument)
            case .watch: options.watches = true
            case .json: options.printsJSON = true
            case .limit: options.limit = try limit(argument)
            case .listener: options.inquiry?.listener = argument
            case .sender: options.inquiry?.sender = try RouteInquiry.sender(argument)
            case .client: options.inquiry?.client = try RouteInquiry.client(argument)
            case .login: options.inquiry?.login = Array(argument.utf8)
            case .verbose: options.isVerbose = true
            case .user: options.user = argument
            case .method: options.method = try method(argument)
            case .help, .version: break
            }
        }
        return options
    }
}
