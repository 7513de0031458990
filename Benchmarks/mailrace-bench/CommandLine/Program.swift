import CLinux

/// Finds the command that the command line names, and runs it.
enum Program {
    private static var commands: [any Subcommand.Type] { [Load.self, Sink.self, Idle.self, Compare.self] }

    /// - Parameter arguments: without the program's own name.
    static func run(_ arguments: [String]) -> ExitCode {
        do throws(UsageError) {
            guard let name = arguments.first else { throw UsageError("a command is missing") }
            switch name {
            case "--help": Terminal.writeOutput(help)
            case "--version": Terminal.writeOutput("mailrace-bench \(version)\n")
            default:
                guard let command = commands.first(where: { $0.name == name }) else {
                    throw UsageError("there is no command '\(name)'")
                }
                return try start(command, Array(arguments.dropFirst()))
            }
            return .success
        } catch {
            Terminal.writeError("mailrace-bench: \(error.message)\nTry 'mailrace-bench --help'.\n")
            return .usage
        }
    }

    private static func start<Command: Subcommand>(
        _: Command.Type, _ arguments: [String]
    ) throws(UsageError) -> ExitCode {
        guard let command = try Command(arguments: arguments) else {
            Terminal.writeOutput(Command.help)
            return .success
        }
        // Thousands of connections are the point; where the limit stays, connecting will tell.
        _ = linux_raise_descriptor_limit()
        // Queues of bulk mail come and go by the thousand a second; half of a sink's time went into their pages.
        linux_keep_freed_memory(keptBytes)
        return command.run()
    }

    private static let keptBytes: Int32 = 32 << 20

    private static let version = "0.1.0"

    private static var help: String {
        let lines = commands.map { "  \($0.name.padded(to: 9))\($0.summary)\n" }
        return """
            Usage: mailrace-bench COMMAND [OPTION]...
            Loads an SMTP server or relay, and checks that each message it accepts arrives once and complete.

            \(lines.joined())
            'mailrace-bench COMMAND --help' shows the options of a command.

            """
    }
}
