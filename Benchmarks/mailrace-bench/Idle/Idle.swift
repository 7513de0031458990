import Glibc

/// `mailrace-bench idle`: holds sessions open and looks at what that costs the target.
struct Idle: Subcommand {
    static let name = "idle"
    static let summary = "Hold many sessions open at once, and report the target's memory a session."

    var settings = IdleSettings()
    var reportsJSON = false

    static var options: [Option<Idle>] {
        [ClientSettings.targetOption(\.settings.client)] + ClientSettings.options(\.settings.client) + [
            Option("sessions", "N", "Sessions held open together. [1000]") { (idle, text) throws(UsageError) in
                idle.settings.sessions = try Values.count(text, in: 1...LoadSettings.concurrencyLimit)
            },
            Option("concurrency", "N", "Sessions opened, and ended, at once. [100]") {
                (idle, text) throws(UsageError) in
                idle.settings.concurrency = try Values.count(text, in: 1...LoadSettings.concurrencyLimit)
            },
            Option("hold", "TIME", "How long to hold them once all are open. [1s]") {
                (idle, text) throws(UsageError) in idle.settings.hold = try Values.duration(text)
            },
            Option(flag: "deliver", "Then have each session deliver a message.") { $0.settings.delivers = true },
            Option("pid", "PID", "The target's process; its memory, with that of its children, is reported.") {
                (idle, text) throws(UsageError) in
                idle.settings.pid = try Values.count(text, in: 1...Int(Int32.max))
            },
            Option(flag: "json", "Print the result as JSON.") { $0.reportsJSON = true },
        ]
    }

    func validate() throws(UsageError) {
        try settings.client.validate()
        guard settings.client.target != nil else { throw UsageError("--target is needed") }
    }

    /// Fails where a session could not be opened, or was lost.
    func run() -> ExitCode {
        do throws(Unavailable) {
            let summary = try IdleRun.perform(settings)
            Terminal.writeOutput(reportsJSON ? summary.json.text + "\n" : summary.text)
            return summary.isClean ? .success : .failure
        } catch {
            Terminal.writeError("mailrace-bench: \(error.reason)\n")
            return .unavailable
        }
    }
}
