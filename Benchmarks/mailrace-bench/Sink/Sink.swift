import CLinux
import Glibc
import Ring

/// `mailrace-bench sink`: a server that takes mail, checks it and throws it away.
struct Sink: Subcommand {
    static let name = "sink"
    static let summary = "Take mail, check that it is complete, and throw it away (or write it to files)."

    var settings = SinkSettings()
    var reportsJSON = false

    func validate() throws(UsageError) { try settings.validate() }

    /// Serves until SIGTERM or SIGINT, then prints what it has seen. Fails where mail was damaged or came twice.
    func run() -> ExitCode {
        linux_block_signals()
        let server: SinkServer
        do throws(Unavailable) {
            server = try SinkServer(settings)
        } catch {
            Terminal.writeError("mailrace-bench: \(error.reason)\n")
            return .unavailable
        }
        Terminal.writeOutput("listening on \(server.address)\n")
        while ![SIGTERM, SIGINT].contains(linux_wait_signal()) {}
        let report = server.finish()
        Terminal.writeOutput(reportsJSON ? report.json.text + "\n" : report.text)
        return report.isClean ? .success : .failure
    }
}
