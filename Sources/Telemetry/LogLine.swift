/// One name and its value in a log line.
struct LogField {
    let name: String
    let value: Value

    enum Value {
        case text(String)
        /// Text of a peer, in whatever encoding it may be.
        case bytes([UInt8])
        /// Several of a kind, each cut by itself.
        case list([String])
        case number(Int64)
        case flag(Bool)
        /// Not known, or not there: `-` in text, `null` in JSON.
        case none

        init(_ text: String?) {
            self = text.map { .text($0) } ?? .none
        }

        init(_ number: Int64?) {
            self = number.map { .number($0) } ?? .none
        }
    }

    init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }
}

/// What is logged, before it is given a form.
struct LogLine {
    /// A message is cut after this many bytes of UTF-8.
    static let messageBytesMax = 2048
    /// The value of a field is cut after this many bytes of UTF-8.
    static let valueBytesMax = 256

    let time: UTCTime
    let level: Log.Level
    /// nil for a session's line, which is all fields.
    let message: String?
    let fields: [LogField]
    var event: Log.Event?

    /// The line in the form asked for, LF at its end. It holds printable ASCII only.
    func rendered(_ format: Log.Format) -> String {
        switch format {
        case .text: text
        case .json: json
        }
    }

    /// `TIME LEVEL MESSAGE NAME=VALUE ...`
    private var text: String { "\(time) \(level.rawValue) \(content)\n" }

    /// `MESSAGE NAME=VALUE ...`
    var content: String {
        var line = ""
        if let message { PlainText.append(message, limit: Self.messageBytesMax, to: &line) }
        for field in fields {
            if !line.isEmpty { line += " " }
            line += "\(field.name)="
            switch field.value {
            case .text(let text): PlainText.appendValue(text, limit: Self.valueBytesMax, to: &line)
            case .bytes(let bytes): PlainText.appendValue(bytes, limit: Self.valueBytesMax, to: &line)
            case .list(let texts): PlainText.appendValue(texts, limit: Self.valueBytesMax, to: &line)
            case .number(let number): line += String(number)
            case .flag(let flag): line += flag ? "true" : "false"
            case .none: line += "-"
            }
        }
        return line
    }

    /// `{"time":"...","level":"...","message":"...","name":value,...}`
    private var json: String {
        var line = "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\""
        if let message { line += ",\"message\":" + JSON.quoted(message, limit: Self.messageBytesMax) }
        for field in fields {
            line += "," + JSON.quoted(field.name) + ":"
            switch field.value {
            case .text(let text): line += JSON.quoted(text, limit: Self.valueBytesMax)
            case .bytes(let bytes):
                line += JSON.quoted(String(decoding: bytes, as: UTF8.self), limit: Self.valueBytesMax)
            case .list(let texts):
                let quoted = texts.map { JSON.quoted($0, limit: Self.valueBytesMax) }
                line += "[\(quoted.joined(separator: ","))]"
            case .number(let number): line += String(number)
            case .flag(let flag): line += flag ? "true" : "false"
            case .none: line += "null"
            }
        }
        return line + "}\n"
    }
}
