/// One of the things this program does: its options, and the doing.
protocol Subcommand {
    static var name: String { get }
    /// A few words for the list of commands.
    static var summary: String { get }
    /// All options, in the order in which the help shows them.
    static var options: [Option<Self>] { get }

    /// As it is without any option.
    init()
    /// Looks at the options together, once all have been read.
    func validate() throws(UsageError)
    func run() -> ExitCode
}

/// An option of a command: its name, its help, and what it sets.
struct Option<Command> {
    let name: String
    /// How the help calls what follows the name; nil where nothing does.
    let argument: String?
    let help: String
    let apply: (inout Command, String) throws(UsageError) -> Void

    /// An option that something follows.
    init(
        _ name: String, _ argument: String, _ help: String,
        _ apply: @escaping (inout Command, String) throws(UsageError) -> Void
    ) {
        self.name = name
        self.argument = argument
        self.help = help
        self.apply = apply
    }

    /// An option that is given or not.
    init(flag name: String, _ help: String, _ apply: @escaping (inout Command) -> Void) {
        self.name = name
        argument = nil
        self.help = help
        self.apply = { command, _ in apply(&command) }
    }
}

/// Why a command line cannot be followed.
struct UsageError: Error, Equatable {
    let message: String

    init(_ message: String) { self.message = message }
}

extension Subcommand {
    /// Reads the arguments that follow the command's name. Nil: help was asked for.
    init?(arguments: [String]) throws(UsageError) {
        self.init()
        let options = Self.options
        let names = options.map { LongOption(name: $0.name, takesArgument: $0.argument != nil) }
        let help = names.count
        for part in LongOption.parse(arguments, names + [LongOption(name: "help", takesArgument: false)]) {
            switch part {
            case .option(help, _): return nil
            case .option(let index, let argument):
                do throws(UsageError) {
                    try options[index].apply(&self, argument)
                } catch {
                    throw UsageError("--\(options[index].name): \(error.message)")
                }
            case .operand(let text): throw UsageError("unexpected argument '\(text)'")
            case .wrong(let message): throw UsageError(message)
            }
        }
        try validate()
    }

    /// The help, ready to be printed.
    static var help: String {
        let heads = options.map { "--\($0.name)\($0.argument.map { " \($0)" } ?? "")" } + ["--help"]
        let width = heads.map(\.count).max() ?? 0
        let lines = zip(heads, options.map(\.help) + ["Show this help."]).map { head, text in
            "  \(head.padded(to: width))  \(text)\n"
        }
        return "Usage: mailrace-bench \(name) [OPTION]...\n\(summary)\n\n\(lines.joined())"
    }
}

extension String {
    /// With blanks behind it, `width` characters long at least.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }

    /// With blanks before it, `width` characters long at least.
    func aligned(to width: Int) -> String {
        String(repeating: " ", count: max(0, width - count)) + self
    }
}
