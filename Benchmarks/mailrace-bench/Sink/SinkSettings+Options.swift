extension SinkSettings.Identity {
    /// The options of a command that has this at `path`.
    static func options<Command>(_ path: WritableKeyPath<Command, Self>) -> [Option<Command>] {
        [
            Option("certificate", "FILE", "The sink offers STARTTLS with this certificate chain (PEM).") {
                $0[keyPath: path].certificateFile = $1
            },
            Option("key", "FILE", "The certificate's private key (PEM).") { $0[keyPath: path].keyFile = $1 },
        ]
    }
}

extension SinkSettings {
    /// The options for a sink beside the clients, of a command that has its settings at `path`.
    static func ownSinkOptions<Command>(_ path: WritableKeyPath<Command, SinkSettings?>) -> [Option<Command>] {
        [
            Option(flag: "sink", "Check that each message arrives, at a sink in here (the target if none is named).") {
                $0[keyPath: path] = $0[keyPath: path] ?? SinkSettings()
            },
            Option("sink-listen", "ADDRESS:PORT", "As --sink, with the address for it. [127.0.0.1:0]") {
                (command, text) throws(UsageError) in
                var sink = command[keyPath: path] ?? SinkSettings()
                sink.address = try Values.address(text)
                command[keyPath: path] = sink
            },
            Option(flag: "sink-proxy", "As --sink, behind a target that sends PROXY headers.") {
                var sink = $0[keyPath: path] ?? SinkSettings()
                sink.readsProxyHeader = true
                $0[keyPath: path] = sink
            },
        ]
    }
}

extension Sink {
    static var options: [Option<Sink>] {
        placeOptions + protocolOptions + faultOptions
            + [Option(flag: "json", "Print the summary as JSON.") { sink in sink.reportsJSON = true }]
            + SinkSettings.Identity.options(\.settings.identity)
    }

    private static var placeOptions: [Option<Sink>] {
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
        ]
    }

    private static var protocolOptions: [Option<Sink>] {
        [
            Option(flag: "lmtp", "Speak LMTP: LHLO, and a reply for each recipient.") { $0.settings.isLMTP = true },
            Option(flag: "tls", "Expect TLS from the first byte on. Needs --certificate and --key.") {
                $0.settings.isTLSImplicit = true
            },
            Option(flag: "proxy", "Expect a PROXY header (v1 or v2) before all else.") {
                $0.settings.readsProxyHeader = true
            },
            Option(flag: "xclient", "Offer XCLIENT to everybody.") { $0.settings.takesXclient = true },
            Option(flag: "auth", "Offer AUTH PLAIN, LOGIN and CRAM-MD5, to everybody unless --user is given.") {
                $0.settings.authenticates = true
            },
            Option("user", "NAME", "Let in only NAME.") { $0.settings.user = $1 },
            Option("password-file", "FILE", "And only with the first line of FILE as the password.") {
                (sink, text) throws(UsageError) in sink.settings.password = try Credentials.password(inFile: text)
            },
        ]
    }

    private static var faultOptions: [Option<Sink>] {
        [
            Option("greeting-delay", "TIME", "Wait before the greeting, as in 200ms.") {
                (sink, text) throws(UsageError) in
                sink.settings.faults.greetingDelay = try Values.duration(text)
            },
            Option("reply-delay", "TIME", "Wait before every other reply.") { (sink, text) throws(UsageError) in
                sink.settings.faults.replyDelay = try Values.duration(text)
            },
            Option("delay", "PHASE:TIME[:SHARE]", "Wait at a phase, as in data:2s:10%; may be given again.") {
                (sink, text) throws(UsageError) in try sink.settings.faults.add(.delay(text))
            },
            Option("refuse", "PHASE[:CODE][:SHARE]", "Refuse at a phase, as in rcpt:451:10%; may be given again.") {
                (sink, text) throws(UsageError) in try sink.settings.faults.add(.refusal(text))
            },
            Option("drop", "PHASE[:HOW][:SHARE]", "End the connection at a phase: close or reset; may be given again.")
            {
                (sink, text) throws(UsageError) in try sink.settings.faults.add(.drop(text))
            },
        ]
    }
}
