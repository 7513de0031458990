import Glibc
import Ring
import Synchronization

/// What waits in the log's queue.
enum LogEntry: Sendable {
    case message(UTCTime, Log.Level, String, KeyValuePairs<String, String>, Log.Event?)
    case session(UTCTime, SessionRecord)
    case transaction(UTCTime, MessageRecord)
    case transcript(TranscriptLine)
    /// Only wakes the writer, which then looks at `LogSignals`.
    case nothing
}

/// Where lines go.
enum LogSink: Sendable {
    case file(LogFile)
    /// Takes an entry; false where it is lost. May wait.
    case journal(@Sendable (JournalEntry) -> Bool)
}

/// What the log's users tell its writer beside the queue, where nothing can be lost because it is full.
final class LogSignals: Sendable {
    private let dropped = Atomic(0)
    private let droppedEver = Atomic(0)
    private let reopen = Atomic(false)

    /// Lines dropped since `takeDroppedLines`.
    var droppedLines: Int { dropped.load(ordering: .relaxed) }

    /// Lines dropped since the beginning.
    var droppedLinesEver: Int { droppedEver.load(ordering: .relaxed) }

    /// - Parameter known: how many of them have been dropped before; only the report of their loss is new to be lost.
    func addDroppedLines(_ count: Int, known: Int = 0) {
        dropped.wrappingAdd(count, ordering: .relaxed)
        droppedEver.wrappingAdd(count - known, ordering: .relaxed)
    }

    func takeDroppedLines() -> Int { dropped.exchange(0, ordering: .relaxed) }

    func requestReopen() { reopen.store(true, ordering: .relaxed) }

    func takeReopenRequest() -> Bool { reopen.exchange(false, ordering: .relaxed) }
}

/// The log's thread: takes entries, makes lines of them, writes them, until the queue is closed and empty.
struct LogWriter {
    /// Lines are gathered up to this many bytes, then written.
    private static let batchBytesMax = 65_536

    private var sink: LogSink
    private let format: Log.Format
    private let signals: LogSignals
    private var batch = ""
    /// Lines that are lost if the batch is: its own, and those whose loss it reports.
    private var linesAtStake = 0
    /// Of these, the ones that have been dropped already.
    private var linesReported = 0

    private init(sink: LogSink, format: Log.Format, signals: LogSignals) {
        self.sink = sink
        self.format = format
        self.signals = signals
    }

    /// Starts the thread. It owns the sink and closes it.
    static func start(
        sink: LogSink, format: Log.Format, queue: BlockingQueue<LogEntry>, signals: LogSignals
    ) -> Thread {
        Thread.start(name: "log") {
            refuseSignals()
            var writer = LogWriter(sink: sink, format: format, signals: signals)
            while let entries = queue.popAll() { writer.write(entries) }
            writer.finish()
        }
    }

    /// Signals are other threads' business, and a reader who has gone is no reason to end the process (SIGPIPE).
    private static func refuseSignals() {
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, nil)
    }

    private mutating func write(_ entries: [LogEntry]) {
        if signals.takeReopenRequest() { reopen() }
        reportDroppedLines()
        for entry in entries {
            switch entry {
            case .message(let time, let level, let message, let fields, let event):
                gather(
                    LogLine(
                        time: time, level: level, message: message,
                        fields: fields.map { LogField($0.key, .text($0.value)) }, event: event))
            case .session(let time, let session):
                gather(
                    LogLine(time: time, level: .info, message: nil, fields: session.fields, event: session.event))
            case .transaction(let time, let message):
                gather(
                    LogLine(time: time, level: .info, message: nil, fields: message.fields, event: .messageEnded))
            case .transcript(let line):
                gather(line.logLine)
            case .nothing:
                break
            }
            if batch.utf8.count >= Self.batchBytesMax { flush() }
        }
        flush()
    }

    private mutating func finish() {
        reportDroppedLines()
        flush()
        if case .file(let file) = sink { file.close() }
    }

    private mutating func reopen() {
        guard case .file(var file) = sink else { return }
        do {
            try file.reopen()
            sink = .file(file)
        } catch {
            gather(LogLine(time: .now(), level: .error, message: "log not reopened: \(error)", fields: []))
        }
    }

    private mutating func reportDroppedLines() {
        let count = signals.takeDroppedLines()
        guard count > 0 else { return }
        gather(
            LogLine(
                time: .now(), level: .warning, message: "log lines dropped",
                fields: [LogField("lines", .number(Int64(count)))]),
            stake: count, known: count)
    }

    /// - Parameters:
    ///   - stake: lines that are lost if this one is.
    ///   - known: of these, the ones that have been dropped already.
    private mutating func gather(_ line: LogLine, stake: Int = 1, known: Int = 0) {
        switch sink {
        case .file:
            batch += line.rendered(format)
            linesAtStake += stake
            linesReported += known
        case .journal(let send):
            if !send(JournalEntry(line, format)) { signals.addDroppedLines(stake, known: known) }
        }
    }

    private mutating func flush() {
        guard case .file(let file) = sink, !batch.isEmpty else { return }
        if !file.write(batch) { signals.addDroppedLines(linesAtStake, known: linesReported) }
        batch.removeAll(keepingCapacity: true)
        linesAtStake = 0
        linesReported = 0
    }
}
