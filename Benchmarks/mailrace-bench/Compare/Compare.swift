/// `mailrace-bench compare`: puts the same load on several targets in turn.
struct Compare: Subcommand {
    static let name = "compare"
    static let summary = "Put the same load on several targets in turn, and tell them apart."

    var settings = CompareSettings()
    var sinkIdentity = SinkSettings.Identity()
    var reportsJSON = false
    var markdownFile: String?

    static var options: [Option<Compare>] {
        [
            Option(
                "target", "ADDRESS:PORT[=NAME[,PID]]", "One of the targets; given for each, the first to compare with."
            ) {
                (compare, text) throws(UsageError) in compare.settings.targets.append(try ComparedTarget(text))
            },
            Option("rounds", "N", "How often each target gets the load. [5]") { (compare, text) throws(UsageError) in
                compare.settings.rounds = try Values.count(text, in: 1...CompareSettings.roundsLimit)
            },
            Option(flag: "json", "Print the result as JSON.") { $0.reportsJSON = true },
            Option("markdown", "FILE", "Write the table to FILE, in Markdown.") { $0.markdownFile = $1 },
        ] + ClientSettings.options(\.settings.load.client) + LoadSettings.options(\.settings.load)
            + SinkSettings.ownSinkOptions(\.settings.sink) + SinkSettings.Identity.options(\.sinkIdentity)
    }

    func validate() throws(UsageError) {
        try settings.validate()
        try sinkIdentity.validate()
    }

    /// Fails where a session or a message did, with any target.
    func run() -> ExitCode {
        do throws(Unavailable) {
            var settings = settings
            var client = settings.load.client
            client.target = settings.targets[0].address
            settings.sink = settings.sink?.serving(client, identity: sinkIdentity)
            let summary = try CompareRun.perform(settings)
            Terminal.writeOutput(reportsJSON ? summary.json.text + "\n" : summary.text)
            if let markdownFile { try SmallFile.write(summary.markdown, to: markdownFile) }
            return summary.isClean ? .success : .failure
        } catch {
            Terminal.writeError("mailrace-bench: \(error.reason)\n")
            return .unavailable
        }
    }
}
