import Glibc
public import Telemetry

/// A log whose lines the test reads as they are written.
///
/// Not Sendable: one thread at a time reads.
public final class LogPipe {
    public let log: Log
    private let reader: Int32
    private var unread: [UInt8] = []
    /// Lines that told of something else than a session's end.
    public private(set) var messages: [String] = []

    public init(level: Log.Level = .debug) throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Peer.Failure(description: "pipe: errno \(errno)") }
        reader = ends[0]
        // Where a test reads nothing, its lines must not hold up the log. (Linux: F_SETPIPE_SZ, 1 MiB for anybody.)
        _ = fcntl(reader, Self.setPipeSize, 1 << 20)
        defer { Glibc.close(ends[1]) }
        // By the end that stays open (proc(5)): where the log is opened anew, the number of the other may be any file's.
        log = try Log(.file("/proc/self/fd/\(reader)"), format: .json, level: level)
    }

    private static let setPipeSize: Int32 = 1031

    deinit { Glibc.close(reader) }

    /// The next line about an ended session; waits for it.
    public func session() throws -> LoggedSession {
        while true {
            let line = try line()
            if line.contains("\"end\":") { return LoggedSession(line: line) }
            messages.append(line)
        }
    }

    /// The next line that contains `text`, among those to come and the messages passed over; waits for it.
    public func message(_ text: String) throws -> String {
        if let message = messages.first(where: { $0.contains(text) }) { return message }
        while true {
            let line = try line()
            messages.append(line)
            if line.contains(text) { return line }
        }
    }

    /// The line of the transaction with this number, there or to come.
    public func transaction(_ number: Int) throws -> LoggedSession {
        LoggedSession(line: try message("\"transaction\":\(number),"))
    }

    private func line() throws -> String {
        while true {
            if let end = unread.firstIndex(of: 10) {
                defer { unread.removeFirst(end + 1) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            var poll = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
            guard uninterrupted({ Glibc.poll(&poll, 1, Int32(Peer.patienceSeconds) * 1000) }) > 0 else {
                throw Peer.Failure(description: "the log has no more lines; so far \(messages)")
            }
            var chunk = [UInt8](repeating: 0, count: 65_536)
            let count = uninterrupted { read(reader, &chunk, chunk.count) }
            guard count > 0 else { throw Peer.Failure(description: "the log has ended") }
            unread += chunk[..<count]
        }
    }
}

/// A session's line in the log.
public struct LoggedSession: Sendable, CustomStringConvertible {
    private let line: String

    init(line: String) { self.line = line }

    public var description: String { line }

    /// The value of a field, without quotation marks; nil where it is null or not there.
    public subscript(_ name: String) -> String? {
        let parts = line.split(separator: "\"\(name)\":", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let value = parts[1].prefix { $0 != "," && $0 != "}" }.filter { $0 != "\"" }
        return value == "null" ? nil : String(value)
    }

    public var phase: String { self["phase"] ?? "" }
    /// How it ended and who ended it: `client_reset by client`.
    public var end: String { "\(self["end"] ?? "") by \(self["ended_by"] ?? "")" }
}
