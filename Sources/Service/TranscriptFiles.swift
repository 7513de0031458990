import Ring
public import Settings
public import Telemetry

/// The files that transcripts go to. Opened and closed on the main thread; any may ask what they have lost.
///
/// A file once opened stays open to the end of the process: sessions that began with it may still write to it, and an
/// administrator who turns transcripts on and off mostly means the same one.
final class TranscriptFiles: Sendable {
    /// Files that may be open.
    static let countMax = 8

    private let log: Log
    private let format: Log.Format
    private let files = Locked<[String: Log]>([:])

    struct UnusableError: Error {
        let reason: String
    }

    /// - Parameter log: where transcripts go that name no file.
    init(_ log: Log, format: Log.Format) {
        self.log = log
        self.format = format
    }

    /// What new sessions are to write to; nil where nothing is to be written down.
    func transcript(_ settings: Settings.Log) throws(UnusableError) -> Transcript? {
        guard settings.transcript == .commands else { return nil }
        return Transcript(to: try file(settings.transcriptFile), showsCredentials: settings.transcriptCredentials)
    }

    private func file(_ path: String) throws(UnusableError) -> Log {
        guard !path.isEmpty else { return log }
        let others = files.withLock { $0 }
        if let open = others[path] { return open }
        guard others.count < Self.countMax else {
            throw UnusableError(reason: "\(Self.countMax) others have been opened; one more needs a restart")
        }
        do throws(Log.OpenError) {
            let file = try Log(.file(path), format: format, level: .info)
            files.withLock { $0[path] = file }
            return file
        } catch { throw UnusableError(reason: error.description) }
    }

    func reopen() {
        for file in files.withLock({ $0 }).values { file.reopen() }
    }

    /// Lines that were lost since the start.
    var droppedLinesEver: Int { files.withLock { $0 }.values.reduce(0) { $0 + $1.droppedLinesEver } }

    /// Ends them all. What is written later is lost.
    func close() {
        for file in files.withLock({ $0 }).values { file.close() }
        files.withLock { $0 = [:] }
    }
}

extension LoadedSettings {
    /// What new sessions are to write to.
    func transcript(_ files: TranscriptFiles) throws(SettingsProblems) -> Transcript? {
        do throws(TranscriptFiles.UnusableError) { return try files.transcript(settings.log) } catch {
            throw SettingsProblems(list: [problem(with: "log.transcript_file", error.reason)])
        }
    }
}

extension Log.Format {
    public init(_ format: Settings.Log.Format) {
        self =
            switch format {
            case .text: .text
            case .json: .json
            }
    }
}
