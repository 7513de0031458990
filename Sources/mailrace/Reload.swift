import Service
import Settings

/// `mailrace reload`: asks the running process, and tells what came of it.
enum Reload {
    static func run(_ options: Options) -> ExitCode {
        let path: String
        if let socket = options.socket {
            path = socket
        } else {
            do throws(SettingsProblems) {
                guard let configured = try Settings.load(options.sources).settings.runtime.controlSocket else {
                    return unavailable("runtime.control_socket is empty; send the process a SIGHUP")
                }
                path = configured.text
            } catch {
                error.show()
                return .configuration
            }
        }
        switch ControlClient.reload(at: path) {
        case .done(let lines):
            Terminal.writeOutput(lines.map { "\($0)\n" }.joined())
            return .success
        case .refused(let lines):
            Terminal.writeError(lines.map { "\($0)\n" }.joined())
            return .configuration
        case .unavailable(let reason): return unavailable("\(path): \(reason)")
        }
    }

    private static func unavailable(_ reason: String) -> ExitCode {
        Terminal.writeError("mailrace: \(reason)\n")
        return .unavailable
    }
}
