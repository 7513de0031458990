import Ring

/// `mailrace-bench load`: sends mail as fast as the target takes it.
struct Load: Subcommand {
    static let name = "load"
    static let summary = "Send mail as fast as the target takes it; count, check and time it."

    var settings = LoadSettings()
    var sink = SinkSettings()
    var hasSink = false
    var reportsJSON = false

    static var options: [Option<Load>] { targetOptions + workOptions + sinkOptions }

    private static var targetOptions: [Option<Load>] {
        [
            Option("target", "ADDRESS:PORT", "Where to send to. Without it: to the sink of --sink.") {
                (load, text) throws(UsageError) in load.settings.target = try Values.address(text)
            },
            Option("from", "ADDRESS", "The sender. [sender@bench.example]") { load, text in
                load.settings.sender = text
            },
            Option("to", "ADDRESS", "The recipient. [recipient@bench.example]") { load, text in
                load.settings.recipient = text
            },
            Option("helo", "NAME", "The name to say EHLO with. [client.example]") { load, text in
                load.settings.helo = text
            },
        ]
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
            Option("messages", "N", "Messages a session. [1]") { (load, text) throws(UsageError) in
                load.settings.messages = try Values.count(text, in: 0...Int(NumberSet.limit))
            },
            Option("size", "BYTES", "Bytes of each message's body; k, M, G as units. [4k]") {
                (load, text) throws(UsageError) in load.settings.bodyBytes = try Values.size(text)
            },
            Option(flag: "pipelining", "Send commands in groups (RFC 2920).") { $0.settings.pipelines = true },
            Option("timeout", "TIME", "How long each step of a session may take. [30s]") {
                (load, text) throws(UsageError) in load.settings.timeout = try Values.duration(text)
            },
            Option("seed", "N", "The same number makes the same bodies. [1]") { (load, text) throws(UsageError) in
                load.settings.seed = UInt64(try Values.count(text, in: 0...Int.max))
            },
            Option("shards", "N", "Threads, each with its own ring. [1]") { (load, text) throws(UsageError) in
                let count = try Values.count(text, in: 1...ShardGroup<LoadReport>.shardsLimit)
                load.settings.shards = count
                load.sink.shards = count
            },
        ]
    }

    private static var sinkOptions: [Option<Load>] {
        [
            Option(flag: "sink", "Run a sink as well, and check that every message accepted arrives there once.") {
                $0.hasSink = true
            },
            Option("sink-listen", "ADDRESS:PORT", "As --sink, with the address for it. [127.0.0.1:0]") {
                (load, text) throws(UsageError) in
                load.hasSink = true
                load.sink.address = try Values.address(text)
            },
            Option(flag: "json", "Print the result as JSON.") { $0.reportsJSON = true },
        ]
    }

    func validate() throws(UsageError) {
        guard settings.target != nil || hasSink else { throw UsageError("one of --target and --sink is needed") }
        guard settings.bodyBytes != 1 else { throw UsageError("--size: a body ends with CRLF, so it is 0 or at least 2") }
        let (messages, overflow) = settings.sessions.multipliedReportingOverflow(by: settings.messages)
        guard !overflow, messages <= NumberSet.limit else {
            throw UsageError("more than \(NumberSet.limit) messages cannot be told apart")
        }
    }

    /// Fails where a session or a message did.
    func run() -> ExitCode {
        do throws(LoadRun.Unavailable) {
            let summary = try LoadRun.perform(settings, sink: hasSink ? sink : nil)
            Terminal.writeOutput(reportsJSON ? summary.json.text + "\n" : summary.text)
            return summary.isClean ? .success : .failure
        } catch {
            Terminal.writeError("mailrace-bench: \(error.reason)\n")
            return .unavailable
        }
    }
}
