import CSystemd
import Glibc

/// The system's journal, where the process runs under systemd.
enum Journal {
    private static let socketPath = "/run/systemd/journal/socket"

    /// True where the standard error leads to the journal, and that can be reached by its own protocol, too: a sandbox
    /// may hide its socket.
    static var hasStandardError: Bool {
        var status = stat()
        guard let stream = getenv("JOURNAL_STREAM"), fstat(STDERR_FILENO, &status) == 0 else { return false }
        return names(String(cString: stream), device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
            && access(socketPath, W_OK) == 0
    }

    /// Whether JOURNAL_STREAM (systemd.exec(5)), `DEVICE:INODE` in decimal, means this file. The variable alone says
    /// nothing: it is inherited by whoever has other standard streams.
    static func names(_ stream: String, device: UInt64, inode: UInt64) -> Bool {
        let numbers = stream.split(separator: ":", omittingEmptySubsequences: false).map { UInt64($0) }
        return numbers == [device, inode]
    }

    /// Sends an entry; false where it is lost. Waits where the journal is slow. One that has gone loses entries in
    /// silence: libsystemd means it so.
    @Sendable static func send(_ entry: JournalEntry) -> Bool {
        let text = entry.fields.joined()
        let lengths = entry.fields.map(\.utf8.count)
        return text.withCString { systemd_journal_send($0, lengths, lengths.count) } == 0
    }
}

/// A line as the journal has it: fields, `NAME=value` each.
///
/// MESSAGE is the line in the form asked for; text without time and level, which the journal has itself. Each of the
/// line's fields that has a value follows under its own name: MAILRACE_SESSION, MAILRACE_CLIENT. It is all printable
/// ASCII, escaped and cut as in text, so that no value can end a field.
struct JournalEntry: Sendable {
    /// What `journalctl -t` asks for.
    static let identifier = "mailrace"
    static let fieldPrefix = "MAILRACE_"
    /// The journal takes no longer names.
    private static let nameBytesMax = 64

    let fields: [String]

    init(_ line: LogLine, _ format: Log.Format) {
        let message = format == .text ? line.content : String(line.rendered(.json).dropLast())
        var fields = ["MESSAGE=\(message)", "PRIORITY=\(line.level.priority)", "SYSLOG_IDENTIFIER=\(Self.identifier)"]
        if let event = line.event { fields.append("MESSAGE_ID=\(event.messageID)") }
        fields += line.fields.compactMap(Self.text)
        self.fields = fields
    }

    private static func text(_ field: LogField) -> String? {
        var text = name(of: field) + "="
        switch field.value {
        case .text(let value): PlainText.append(value, limit: LogLine.valueBytesMax, to: &text)
        case .bytes(let value): PlainText.append(value, limit: LogLine.valueBytesMax, to: &text)
        case .list(let texts):
            for (index, value) in texts.enumerated() {
                if index > 0 { text += "," }
                PlainText.append(value, limit: LogLine.valueBytesMax, to: &text)
            }
        case .number(let number): text += String(number)
        case .flag(let flag): text += flag ? "true" : "false"
        case .none: return nil
        }
        return text
    }

    /// Capitals, digits and underscores are all that the journal takes in a name.
    private static func name(of field: LogField) -> String {
        let bytes = field.name.uppercased().utf8.map { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
            default: UInt8(ascii: "_")
            }
        }
        return fieldPrefix + String(decoding: bytes.prefix(nameBytesMax - fieldPrefix.utf8.count), as: UTF8.self)
    }
}

extension Log.Level {
    /// As syslog(3) has it.
    fileprivate var priority: Int {
        switch self {
        case .debug: 7
        case .info: 6
        case .warning: 4
        case .error: 3
        }
    }
}
