import CLinux
import Glibc
import Ring

/// `mailrace-bench sink`: a server that takes mail, checks it and throws it away.
struct Sink: Subcommand {
    static let name = "sink"
    static let summary = "Take mail, check that it is complete, and throw it away (or write it to files)."

    var settings = SinkSettings()
    var reportsJSON = false

    static var options: [Option<Sink>] { behaviourOptions + SinkSettings.tlsOptions(\.settings) }

    private static var behaviourOptions: [Option<Sink>] {
        [
            Option("listen", "ADDRESS:PORT", "Where to listen; port 0 takes a free one. [127.0.0.1:0]") {
                (sink, text) throws(UsageError) in sink.settings.address = try Values.address(text)
            },
            Option("shards", "N", "Threads, each with its own ring. [1]") { (sink, text) throws(UsageError) in
                sink.settings.shards = try Values.shards(text)
            },
            Option("directory", "DIR", "Write each message to a file of its own in DIR.") { sink, text in
                sink.settings.directory = text
            },
            Option("journal", "FILE", "Add a line to FILE for each message, before it is answered.") { sink, text in
                sink.settings.journal = text
            },
            Option("size-limit", "BYTES", "The longest message taken; k, M, G as units. [1G]") {
                (sink, text) throws(UsageError) in sink.settings.messageLimitBytes = try Values.size(text)
            },
            Option("greeting-delay", "TIME", "Wait before the greeting, as in 200ms.") {
                (sink, text) throws(UsageError) in sink.settings.greetingDelay = try Values.duration(text)
            },
            Option("reply-delay", "TIME", "Wait before every other reply.") {
                (sink, text) throws(UsageError) in sink.settings.replyDelay = try Values.duration(text)
            },
            Option("refuse", "PHASE[:CODE]", "Refuse at connect, helo, mail, rcpt, data or end. [code 451]") {
                (sink, text) throws(UsageError) in sink.settings.refusal = try Refusal(text)
            },
            Option(flag: "json", "Print the summary as JSON.") { sink in sink.reportsJSON = true },
        ]
    }

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
