import CJansson
import Wire

/// A document of JSON, as it was read.
package struct JSONDocument {
    /// Why a text is none.
    package struct Failure: Error {
        package let reason: String
    }

    /// A value: of the type that is asked for, or that type's nothing. What is missing is like an empty one, so that a
    /// newer program can read what an older one has written.
    package indirect enum Value {
        case null
        case flag(Bool)
        case integer(Int64)
        case real(Double)
        case text(String)
        case list([Value])
        case object([String: Value])

        package subscript(_ name: String) -> Value {
            if case .object(let members) = self { members[name] ?? .null } else { .null }
        }

        package var list: [Value] { if case .list(let values) = self { values } else { [] } }
        package var text: String { if case .text(let text) = self { text } else { "" } }
        package var flag: Bool { if case .flag(let flag) = self { flag } else { false } }
        package var integer: Int64 { if case .integer(let number) = self { number } else { 0 } }

        package var real: Double {
            switch self {
            case .integer(let number): Double(number)
            case .real(let number): number
            default: 0
            }
        }
    }

    package let root: Value
    /// On one line of ASCII without control characters.
    package let line: String

    /// Reads an object or a list.
    package init(_ text: [UInt8]) throws(Failure) {
        var error = [CChar](repeating: 0, count: 256)
        guard let root = text.withUnsafeBufferPointer({ cjansson_parse($0.baseAddress, $0.count, &error, error.count) })
        else {
            let reason = error.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
            throw Failure(reason: String(escaping: reason, limitBytes: 200))
        }
        defer { cjansson_release(root) }
        self.root = Value(root)
        guard let written = cjansson_write(root) else { throw Failure(reason: "it cannot be written again") }
        // The library takes DEL for a character like any other; it can only stand inside of strings.
        line = String(cString: written).split(separator: "\u{7f}", omittingEmptySubsequences: false)
            .joined(separator: "\\u007F")
        cjansson_release_text(written)
    }
}

extension JSONDocument.Value {
    fileprivate init(_ value: OpaquePointer) {
        switch cjansson_kind_of(value) {
        case .null: self = .null
        case .flag: self = .flag(cjansson_flag(value))
        case .integer: self = .integer(cjansson_integer(value))
        case .real: self = .real(cjansson_real(value))
        case .text:
            var length = 0
            let bytes = cjansson_text(value, &length)
            self = .text(String(decoding: UnsafeBufferPointer(start: bytes, count: length), as: UTF8.self))
        case .list:
            self = .list((0..<cjansson_count(value)).compactMap { cjansson_element(value, $0).map(Self.init) })
        case .object:
            var members: [String: Self] = [:]
            var position = cjansson_first(value)
            while let place = position {
                members[String(cString: cjansson_name(place))] = Self(cjansson_value_at(place))
                position = cjansson_next(value, place)
            }
            self = .object(members)
        }
    }
}
