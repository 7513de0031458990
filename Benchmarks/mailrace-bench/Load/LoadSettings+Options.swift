extension LoadSettings {
    /// The options that set what is done, of a command that has these settings at `path`.
    static func options<Command>(_ path: WritableKeyPath<Command, LoadSettings>) -> [Option<Command>] {
        [
            Option("sessions", "N", "Sessions in all. [1000]") { (command, text) throws(UsageError) in
                command[keyPath: path].sessions = try Values.count(text, in: 1...Int(NumberSet.limit))
            },
            Option("duration", "TIME", "Begin sessions for so long, as in 30s, instead of a number of them.") {
                (command, text) throws(UsageError) in command[keyPath: path].duration = try Values.duration(text)
            },
            Option("warm-up", "TIME", "Before that, load for so long; it is checked and not counted. [0s]") {
                (command, text) throws(UsageError) in command[keyPath: path].warmUp = try Values.duration(text)
            },
            Option("ramp", "TIME", "Take so long to come to the full rate, or concurrency. [0s]") {
                (command, text) throws(UsageError) in command[keyPath: path].ramp = try Values.duration(text)
            },
            Option("concurrency", "N", "Sessions at once. [10]") { (command, text) throws(UsageError) in
                command[keyPath: path].concurrency = try Values.count(text, in: 1...concurrencyLimit)
            },
            Option("rate", "N", "Begin N sessions a second, at most.") { (command, text) throws(UsageError) in
                command[keyPath: path].rate = try Values.count(text, in: 1...rateLimit)
            },
            Option("message-rate", "N", "Begin N messages a second, at most, over all sessions.") {
                (command, text) throws(UsageError) in
                command[keyPath: path].messageRate = try Values.count(text, in: 1...rateLimit)
            },
            Option("messages", "N", "Messages a session. [1]") { (command, text) throws(UsageError) in
                command[keyPath: path].messages = try Values.count(text, in: 0...Int(NumberSet.limit))
            },
            Option(flag: "lasting", "Sessions go on with messages until --duration is over.") {
                $0[keyPath: path].lasts = true
            },
            Option(flag: "pipelining", "Send commands in groups (RFC 2920).") { $0[keyPath: path].pipelines = true },
        ]
    }
}
