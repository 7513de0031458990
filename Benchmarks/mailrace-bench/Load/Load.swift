import Ring

/// `mailrace-bench load`: sends mail as fast as the target takes it.
struct Load: Subcommand {
    static let name = "load"
    static let summary = "Send mail as fast as the target takes it; count, check and time it."

    var settings = LoadSettings()
    var sink = SinkSettings()
    var hasSink = false
    var reportsJSON = false

    static var options: [Option<Load>] {
        ClientSettings.options(\.settings.client) + workOptions + sinkOptions
    }

    private static var workOptions: [Option<Load>] {
        [
            Option("sessions", "N", "Sessions in all. [1000]") { (load, text) throws(UsageError) in
                load.settings.sessions = try Values.count(text, in: 1...Int(NumberSet.limit))
            },
            Option("duration", "TIME", "Begin sessions for so long, as in 30s, instead of a number of them.") {
                (load, text) throws(UsageError) in load.settings.duration = try Values.duration(text)
            },
            Option("concurrency", "N", "Sessions at once. [10]") { (load, text) throws(UsageError) in
                load.settings.concurrency = try Values.count(text, in: 1...LoadSettings.concurrencyLimit)
            },
            Option("rate", "N", "Begin N sessions a second, at most.") { (load, text) throws(UsageError) in
                load.settings.rate = try Values.count(text, in: 1...1_000_000)
            },
            Option("messages", "N", "Messages a session. [1]") { (load, text) throws(UsageError) in
                load.settings.messages = try Values.count(text, in: 0...Int(NumberSet.limit))
            },
            Option(flag: "pipelining", "Send commands in groups (RFC 2920).") { $0.settings.pipelines = true },
        ]
    }

    private static var sinkOptions: [Option<Load>] {
        [
            Option(flag: "sink", "Check that each message arrives, at a sink in here (the target if none is named).") {
                $0.hasSink = true
            },
            Option("sink-listen", "ADDRESS:PORT", "As --sink, with the address for it. [127.0.0.1:0]") {
                (load, text) throws(UsageError) in
                load.hasSink = true
                load.sink.address = try Values.address(text)
            },
            Option("journal", "FILE", "Check that each message is in FILE, a journal of sinks elsewhere.") {
                $0.settings.journal = $1
            },
            Option(flag: "json", "Print the result as JSON.") { $0.reportsJSON = true },
        ] + SinkSettings.tlsOptions(\.sink)
    }

    func validate() throws(UsageError) {
        try settings.client.validate()
        try sink.validate()
        guard !hasSink || settings.journal == nil else { throw UsageError("--sink and --journal exclude each other") }
        guard settings.client.target != nil || hasSink else { throw UsageError("one of --target and --sink is needed") }
        let (messages, overflow) = settings.sessions.multipliedReportingOverflow(by: settings.messages)
        guard !overflow, messages <= NumberSet.limit else {
            throw UsageError("more than \(NumberSet.limit) messages cannot be told apart")
        }
    }

    /// Fails where a session or a message did.
    func run() -> ExitCode {
        do throws(Unavailable) {
            var sink = sink
            sink.shards = settings.client.shards
            let summary = try LoadRun.perform(settings, sink: hasSink ? sink : nil)
            Terminal.writeOutput(reportsJSON ? summary.json.text + "\n" : summary.text)
            return summary.isClean ? .success : .failure
        } catch {
            Terminal.writeError("mailrace-bench: \(error.reason)\n")
            return .unavailable
        }
    }
}
