import Ring

/// `mailrace-bench load`: sends mail as fast as the target takes it.
struct Load: Subcommand {
    static let name = "load"
    static let summary = "Send mail as fast as the target takes it; count, check and time it."

    var settings = LoadSettings()
    /// A sink of the run's own; nil: there is none.
    var sink: SinkSettings?
    /// What it shows in TLS.
    var sinkIdentity = SinkSettings.Identity()
    var reportsJSON = false
    /// Files for the time series: as a table, and as a picture.
    var csvFile: String?
    var svgFile: String?

    static var options: [Option<Load>] {
        [ClientSettings.targetOption(\.settings.client)] + ClientSettings.options(\.settings.client)
            + LoadSettings.options(\.settings) + SinkSettings.ownSinkOptions(\.sink) + reportOptions
            + SinkSettings.Identity.options(\.sinkIdentity)
    }

    private static var reportOptions: [Option<Load>] {
        [
            Option("journal", "FILE", "Check that each message is in FILE, a journal of sinks elsewhere.") {
                $0.settings.journal = $1
            },
            Option(flag: "json", "Print the result as JSON.") { $0.reportsJSON = true },
            Option("csv", "FILE", "Write what happened over time to FILE, as a table.") { $0.csvFile = $1 },
            Option("svg", "FILE", "Write latency and throughput over time to FILE, as a picture.") { $0.svgFile = $1 },
        ]
    }

    func validate() throws(UsageError) {
        try settings.validate()
        try sinkIdentity.validate()
        guard sink == nil || settings.journal == nil else {
            throw UsageError("--sink and --journal exclude each other")
        }
        guard settings.client.target != nil || sink != nil else {
            throw UsageError("one of --target and --sink is needed")
        }
    }

    /// Fails where a session or a message did.
    func run() -> ExitCode {
        do throws(Unavailable) {
            let interruption = Interruption()
            interruption.watchSignals()
            let ownSink = sink?.serving(settings.client, identity: sinkIdentity)
            let summary = try LoadRun.perform(settings, sink: ownSink, title: "", interruption: interruption)
            Terminal.writeOutput(reportsJSON ? summary.json.text + "\n" : summary.text)
            if let csvFile { try SmallFile.write(summary.report.series.csv, to: csvFile) }
            if let svgFile {
                let title = "\(summary.target), \(settings.summary)"
                let chart = Chart(summary.report.series, title: title, warmUp: settings.warmUp)
                try SmallFile.write(chart.svg, to: svgFile)
            }
            return summary.isClean ? .success : .failure
        } catch {
            Terminal.writeError("mailrace-bench: \(error.reason)\n")
            return .unavailable
        }
    }
}
