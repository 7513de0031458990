/// What a scripted name server is asked.
struct Question: Sendable {
    /// The identification and the question section as they came.
    let id: [UInt8]
    let section: [UInt8]
    let name: String
    let type: RecordType
    let isOverTCP: Bool
    /// How often this name and type have been asked for, this time included.
    let attempt: Int
}

enum RecordType: UInt16, Sendable {
    case a = 1
    case alias = 5
    case pointer = 12
    case aaaa = 28
}

/// A record about the name asked for.
struct Record: Sendable {
    var name: [UInt8] = [0xc0, 12]  // The question's.
    let type: RecordType
    let seconds: UInt32
    let data: [UInt8]

    static func a(_ octets: [UInt8], seconds: UInt32 = 300) -> Record {
        Record(type: .a, seconds: seconds, data: octets)
    }

    static func aaaa(_ last: UInt8, seconds: UInt32 = 300) -> Record {
        Record(type: .aaaa, seconds: seconds, data: ipv6(last))
    }

    /// An alias, and what the records of its target are to be named.
    static func alias(_ target: String, seconds: UInt32) -> Record {
        Record(type: .alias, seconds: seconds, data: encoded(target))
    }

    static func pointer(_ target: String, seconds: UInt32 = 300) -> Record {
        Record(type: .pointer, seconds: seconds, data: encoded(target))
    }

    static func encoded(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    /// 2001:db8::`last`.
    static func ipv6(_ last: UInt8) -> [UInt8] {
        [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [last]
    }

    var bytes: [UInt8] {
        name + big(type.rawValue) + big(1) + big(UInt16(seconds >> 16)) + big(UInt16(truncatingIfNeeded: seconds))
            + big(UInt16(data.count)) + data
    }
}

extension Question {
    enum Code: UInt8 { case noError, formatError, serverFailure, noSuchName, notImplemented, refused }

    /// An answer to this question.
    func answer(_ records: [Record] = [], code: Code = .noError, isTruncated: Bool = false) -> [UInt8] {
        id + [isTruncated ? 0x87 : 0x85, 0x80 | code.rawValue] + big(1) + big(UInt16(records.count)) + big(0) + big(0)
            + section + records.flatMap(\.bytes)
    }

    init?(_ message: [UInt8], isOverTCP: Bool, attempts: inout [String: Int]) {
        guard message.count > 16, message[5] == 1 else { return nil }
        var labels: [String] = []
        var position = 12
        while position < message.count, message[position] > 0 {
            let next = position + 1 + Int(message[position])
            guard next < message.count else { return nil }
            labels.append(String(decoding: message[(position + 1)..<next], as: UTF8.self))
            position = next
        }
        guard position + 5 <= message.count else { return nil }
        let code = UInt16(message[position + 1]) << 8 | UInt16(message[position + 2])
        guard let type = RecordType(rawValue: code) else { return nil }
        let name = labels.joined(separator: ".")
        let key = "\(name) \(type)"
        attempts[key, default: 0] += 1
        self.init(
            id: Array(message[..<2]), section: Array(message[12..<(position + 5)]), name: name, type: type,
            isOverTCP: isOverTCP, attempt: attempts[key] ?? 1)
    }
}

private func big(_ value: UInt16) -> [UInt8] {
    [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]
}
