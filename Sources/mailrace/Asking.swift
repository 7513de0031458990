import Service
import Settings

/// `mailrace reload` and `mailrace upgrade`: ask the running process, and tell what came of it.
enum Asking {
    static func run(_ options: Options, for request: ControlClient.Request) -> ExitCode {
        let path: String
        if let socket = options.socket {
            path = socket
        } else {
            do throws(SettingsProblems) {
                guard let configured = try Settings.readAlone(options.sources).runtime.controlSocket else {
                    let signal =
                        switch request {
                        case .reload: "SIGHUP"
                        case .upgrade: "SIGUSR2"
                        }
                    return unavailable("runtime.control_socket is empty; send the process a \(signal)")
                }
                path = configured.text
            } catch {
                error.show()
                return .configuration
            }
        }
        switch ControlClient.ask(request, at: path) {
        case .done(let lines):
            Terminal.writeOutput(lines.map { "\($0)\n" }.joined())
            return .success
        case .refused(let lines):
            Terminal.writeError(lines.map { "\($0)\n" }.joined())
            return .configuration
        case .failed(let lines):
            Terminal.writeError(lines.map { "\($0)\n" }.joined())
            return .unavailable
        case .unavailable(let reason): return unavailable("\(path): \(reason)")
        }
    }

    private static func unavailable(_ reason: String) -> ExitCode {
        Terminal.writeError("mailrace: \(reason)\n")
        return .unavailable
    }
}
