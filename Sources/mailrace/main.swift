import CLinux
import Glibc
import Service

func main() -> ExitCode {
    // A socket with the number of the standard error would get the log.
    linux_hold_standard_streams()
    do throws(UsageError) {
        switch try Invocation(arguments: Array(CommandLine.arguments.dropFirst())) {
        case .command(let options):
            switch options.command {
            case .run: return Run.start(options)
            case .check: return Check.run(options)
            case .reload: return Asking.run(options, for: .reload)
            case .upgrade: return Asking.run(options, for: .upgrade)
            case .status, .sessions: return Show.run(options)
            case .route: return Routing.run(options)
            case .password: return Password.run(options)
            }
        case .help(let command): Terminal.writeOutput(Options.help(command))
        case .version: Terminal.writeOutput("mailrace \(Product.version)\n")
        }
        return .success
    } catch {
        Terminal.writeError("mailrace: \(error.message)\nTry 'mailrace --help'.\n")
        return .usage
    }
}

// Threads of client libraries may still be at work: what `exit` would have taken down under their feet goes with the
// process. Nothing is buffered: Terminal and Log write at once.
_exit(main().rawValue)
