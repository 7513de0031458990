import Wire

/// A line that Dovecot's auth service says to its clients, version 1 of the protocol: a command and its fields, with
/// tabs between them. Bytes that a field cannot hold are escaped by 0x01.
package enum DovecotLine: Equatable, Sendable {
    /// The longest line, in bytes, its line feed included: theirs and ours.
    package static let limitBytes = 16_384
    static let fieldsMax = 256

    /// A field: `name=value`, or a name alone.
    package struct Field: Equatable, Sendable {
        package let name: String
        package let value: [UInt8]
    }

    case version(major: UInt32)
    /// A mechanism that is offered, by its name.
    case mechanism(String)
    /// What is told at the start has been told.
    case done
    case accepted(id: UInt32, [Field])
    /// The client is to go on; decoded.
    case challenge(id: UInt32, [UInt8])
    case refused(id: UInt32, [Field])
    /// What says nothing to Mailrace.
    case other

    /// Nil for a known command that cannot be read.
    ///
    /// - Parameter line: without its line feed.
    package init?(_ line: Span<UInt8>) {
        var parts = Parts()
        switch String(decoding: parts.next(in: line) ?? [], as: UTF8.self) {
        case "VERSION":
            guard let major = parts.nextNumber(in: line) else { return nil }
            self = .version(major: major)
        case "MECH":
            guard let name = parts.next(in: line), !name.isEmpty else { return nil }
            self = .mechanism(String(decoding: name, as: UTF8.self).uppercased())
        case "DONE": self = .done
        case "OK":
            guard let id = parts.nextNumber(in: line), let fields = parts.fields(in: line) else { return nil }
            self = .accepted(id: id, fields)
        case "FAIL":
            guard let id = parts.nextNumber(in: line), let fields = parts.fields(in: line) else { return nil }
            self = .refused(id: id, fields)
        case "CONT":
            guard let id = parts.nextNumber(in: line) else { return nil }
            let text = parts.next(in: line) ?? []
            guard let challenge = Base64.decoded(text.span) else { return nil }
            self = .challenge(
                id: id, challenge.withBytes { bytes in bytes.indices.map { bytes[$0] } })
        default: self = .other
        }
    }

    /// The request that it is about.
    var id: UInt32? {
        switch self {
        case .accepted(let id, _), .challenge(let id, _), .refused(let id, _): id
        case .version, .mechanism, .done, .other: nil
        }
    }
}

/// What stands between the tabs of a line.
private struct Parts {
    private var position = 0
    private var isAtEnd = false

    private static let tab: UInt8 = 0x09
    private static let escape: UInt8 = 0x01

    /// Nil behind the last. Unescaped.
    mutating func next(in line: Span<UInt8>) -> [UInt8]? {
        guard !isAtEnd else { return nil }
        var part: [UInt8] = []
        while position < line.count, line[position] != Self.tab {
            if line[position] == Self.escape, position + 1 < line.count, line[position + 1] != Self.tab {
                position += 1
                part.append(Self.unescaped(line[position]))
            } else {
                part.append(line[position])
            }
            position += 1
        }
        isAtEnd = position >= line.count
        position += 1
        return part
    }

    mutating func nextNumber(in line: Span<UInt8>) -> UInt32? {
        guard let digits = next(in: line), 1...10 ~= digits.count, digits.allSatisfy({ (0x30...0x39).contains($0) })
        else {
            return nil
        }
        return UInt32(String(decoding: digits, as: UTF8.self))
    }

    /// All that is left; nil where that is too much.
    mutating func fields(in line: Span<UInt8>) -> [DovecotLine.Field]? {
        var fields: [DovecotLine.Field] = []
        while let part = next(in: line) {
            guard fields.count < DovecotLine.fieldsMax else { return nil }
            let sign = part.firstIndex(of: UInt8(ascii: "="))
            let name = String(decoding: part[..<(sign ?? part.endIndex)], as: UTF8.self)
            fields.append(DovecotLine.Field(name: name, value: sign.map { Array(part[($0 + 1)...]) } ?? []))
        }
        return fields
    }

    private static func unescaped(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "0"): 0x00
        case UInt8(ascii: "1"): escape
        case UInt8(ascii: "t"): tab
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "n"): 0x0A
        default: byte
        }
    }
}

extension [DovecotLine.Field] {
    /// The value of the first field of that name; nil without one.
    func value(_ name: String) -> [UInt8]? { first { $0.name == name }?.value }

    func has(_ name: String) -> Bool { value(name) != nil }
}
