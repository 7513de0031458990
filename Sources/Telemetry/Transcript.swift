/// The dialogue of sessions up to their hand-off, line by line, for who looks for a fault.
///
/// It never waits: what finds the log's queue full is dropped there and counted.
public final class Transcript: Sendable {
    private let log: Log
    /// Passwords are written down as they came.
    public let showsCredentials: Bool

    /// - Parameter log: where the lines go; at level info.
    public init(to log: Log, showsCredentials: Bool) {
        self.log = log
        self.showsCredentials = showsCredentials
    }

    /// With whom Mailrace speaks.
    public enum Peer: String, CaseIterable, Sendable {
        case client
        case upstream
    }

    /// Who says a line, in the terms of the RFCs' examples.
    public enum Speaker: String, CaseIterable, Sendable {
        /// The client of this dialogue; with the upstream that is Mailrace.
        case client = "C: "
        /// The server of this dialogue; with the client that is Mailrace.
        case server = "S: "
        /// What happens between lines.
        case event = "* "
    }

    /// Lines of one reply that are written down; the rest is counted.
    static let linesMax = 100

    /// Writes a line down, or each line of a reply. Line ends are left out.
    public func note(_ session: SessionID, with peer: Peer, _ speaker: Speaker, _ lines: [UInt8]) {
        let time = UTCTime.now()
        func write(_ speaker: Speaker, _ line: some Sequence<UInt8>) {
            let text = Array(speaker.rawValue.utf8) + line
            log.write(TranscriptLine(time: time, session: session, peer: peer, text: text))
        }
        var lines = lines.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for line in lines.prefix(Self.linesMax) {
            write(speaker, line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
        }
        if lines.count > Self.linesMax { write(.event, "\(lines.count - Self.linesMax) more lines".utf8) }
    }
}

/// A line of a transcript, before it is given a form.
struct TranscriptLine: Sendable {
    let time: UTCTime
    let session: SessionID
    let peer: Transcript.Peer
    /// Anything a peer may send.
    let text: [UInt8]

    var logLine: LogLine {
        LogLine(
            time: time, level: .info, message: "transcript",
            fields: [
                LogField("session", .text(session.description)), LogField("with", .text(peer.rawValue)),
                LogField("line", .bytes(text)),
            ])
    }
}
