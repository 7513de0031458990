import Wire

/// A command line of the client as it came, CRLF included, and as it was understood.
struct Line {
    let bytes: [UInt8]
    let command: Command

    var verb: Verb { command.verb }
    /// The line without its end.
    var text: [UInt8] { Array(bytes.dropLast(2)) }
}

/// Limits of the dialogue at tunnel depth.
enum DialogueLimits {
    /// A command line, CRLF included.
    static let commandLineBytes = 1024
    /// What is read and dropped of an over-long line before the session is given up.
    static let discardedLineBytes = 64 << 10
    /// Bad lines a session survives.
    static let badLines = 1
    /// Commands answered without the upstream (NOOP, RSET, what follows a refusal) in one session.
    static let localAnswers = 100
    /// How long an upstream that speaks out of turn may take to say all of its 421.
    static let leavePatience = Duration.seconds(2)
    /// How long a client may take to read our last words and close.
    static let farewellPatience = Duration.seconds(2)
}
