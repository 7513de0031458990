import Wire

/// A message on its way.
struct MessagePassage {
    var scanner: MessageScanner
    /// The upstream gets what comes.
    var isPassing = true
    /// What has been read since.
    var droppedBytes = 0
    /// What has been looked over last, with the end: it waits for that to be sure.
    var last: [UInt8] = []
    /// What the client is told at the message's end, where the upstream gets no more of it.
    var verdict: SessionEnd.Farewell?

    init(rules: MessageScanner.Rules) {
        scanner = MessageScanner(rules)
    }
}

extension MessageScanner.Fault {
    /// Bytes that some server might take for the end of a line, and then of the message.
    var isSmuggling: Bool {
        switch self {
        case .bareCarriageReturn, .bareLineFeed, .nul: true
        case .lineTooLong, .tooLarge: false
        }
    }
}
