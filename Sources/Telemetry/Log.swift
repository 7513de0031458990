import Glibc
import Ring

/// The log: lines of text or JSON, to the standard error or a file; or entries of the system's journal.
///
/// Lines are put into form and written by a thread of their own, from a bounded queue. So the caller never waits,
/// however slow the reader of the log is; lines that find the queue full are dropped, counted, and reported when there
/// is room again. Anything may be handed in: text is escaped and cut (`LogLine.messageBytesMax`, `valueBytesMax`) when
/// a line is made.
public final class Log: Sendable {
    /// How many lines may wait to be written.
    public static let queuedLinesMax = 8192

    public enum Format: String, CaseIterable, Sendable {
        case text
        case json
    }

    public enum Level: String, CaseIterable, Sendable {
        case debug
        case info
        case warning
        case error
    }

    public enum Destination: Sendable {
        case standardError
        /// Appended to; made with mode 0640 if it is not there.
        case file(String)
        /// The system's journal, by its own protocol: a message with its fields each (`JournalEntry`).
        case journal

        /// Where lines go that no file is named for: to the journal where the standard error leads there.
        public static var standard: Destination { Journal.hasStandardError ? .journal : .standardError }
    }

    /// The log's file cannot be opened.
    public struct OpenError: Error, Hashable {
        public let path: String
        /// The system's error number (errno).
        public let code: Int32
    }

    private let threshold: Level
    private let queue: BlockingQueue<LogEntry>
    private let signals: LogSignals
    private let thread: Thread

    /// Opens the destination and starts the log's thread.
    /// - Parameter level: what is less important is not logged.
    public convenience init(_ destination: Destination, format: Format, level: Level) throws(OpenError) {
        let sink: LogSink =
            switch destination {
            case .standardError: .file(LogFile())
            case .file(let path): .file(try LogFile(path: path))
            case .journal: .journal(Journal.send)
            }
        self.init(sink, format: format, level: level)
    }

    init(_ sink: LogSink, format: Format, level: Level) {
        threshold = level
        let queue = BlockingQueue<LogEntry>(limit: Self.queuedLinesMax)
        let signals = LogSignals()
        self.queue = queue
        self.signals = signals
        thread = LogWriter.start(sink: sink, format: format, queue: queue, signals: signals)
    }

    /// Logs a message, if its level is not below the log's. Values that come from outside belong into `fields`.
    /// - Parameter event: what it tells of, for who searches the journal.
    public func write(
        _ level: Level, _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, String> = [:], event: Event? = nil
    ) {
        guard level >= threshold else { return }
        put(.message(UTCTime.now(), level, message(), fields(), event))
    }

    public func debug(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, String> = [:]
    ) {
        write(.debug, message(), fields())
    }

    public func info(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, String> = [:],
        event: Event? = nil
    ) {
        write(.info, message(), fields(), event: event)
    }

    public func warning(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, String> = [:],
        event: Event? = nil
    ) {
        write(.warning, message(), fields(), event: event)
    }

    public func error(
        _ message: @autoclosure () -> String, _ fields: @autoclosure () -> KeyValuePairs<String, String> = [:],
        event: Event? = nil
    ) {
        write(.error, message(), fields(), event: event)
    }

    /// Sessions and messages are worth a record.
    public var logsSessions: Bool { .info >= threshold }

    /// Logs an ended session, at level info.
    public func write(_ session: SessionRecord) {
        guard logsSessions else { return }
        put(.session(UTCTime.now(), session))
    }

    /// Logs a transaction that has ended, at level info.
    public func write(_ message: MessageRecord) {
        guard logsSessions else { return }
        put(.transaction(UTCTime.now(), message))
    }

    /// Logs a line of a transcript, at level info.
    func write(_ line: TranscriptLine) {
        guard .info >= threshold else { return }
        put(.transcript(line))
    }

    /// Opens the log's file again by its name, for log rotation. The lines queued before may go to either file. If it
    /// fails, the old file stays in use and says so. Without effect on the standard error and the journal.
    public func reopen() {
        signals.requestReopen()
        // With a full queue the writer is awake anyway.
        _ = queue.push(.nothing)
    }

    /// How long `close` waits for a reader that is slow or has stopped.
    static let closePatience = Duration.seconds(2)

    /// Writes what is queued, and ends the log's thread. To be called once, at the end of the process; lines that come
    /// later are dropped, and so is what nobody has read after two seconds: the process must not hang on its log.
    public func close() {
        Self.close([self])
    }

    /// Closes several, which takes no longer than for one.
    public static func close(_ logs: [Log]) {
        for log in logs { log.queue.close() }
        let deadline = Instant.current() + closePatience
        for log in logs {
            let now = Instant.current()
            let left = now < deadline ? deadline.nanoseconds(since: now) : 0
            _ = log.thread.join(within: .nanoseconds(Int64(left)))
        }
    }

    /// Lines dropped and not yet reported in the log.
    public var droppedLines: Int { signals.droppedLines }

    /// Lines dropped since the log was opened.
    public var droppedLinesEver: Int { signals.droppedLinesEver }

    private func put(_ entry: LogEntry) {
        if !queue.push(entry) { signals.addDroppedLines(1) }
    }
}

extension Log.Level: Comparable {
    public static func < (first: Log.Level, second: Log.Level) -> Bool {
        first.severity < second.severity
    }

    private var severity: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        }
    }
}

extension Log.OpenError: CustomStringConvertible {
    public var description: String { "cannot open \(path): \(String(cString: strerror(code)))" }
}
