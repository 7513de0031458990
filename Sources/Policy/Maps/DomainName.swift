import CIdn
import Wire

/// Domains, as maps have them.
package enum DomainName {
    /// The longest that is looked at, in bytes.
    private static let limitBytes = 1_024

    /// In lower case, without dots at its end, and with A-labels in place of other letters (RFC 5891 section 5). What
    /// is no such name stays as it is, in lower case: it may stand in a map like that.
    package static func normalised(_ name: some Collection<UInt8>) -> [UInt8] {
        let lower = name.map(\.lowercased)
        guard lower.contains(where: { $0 >= 0x80 }), lower.count <= limitBytes else { return withoutDots(lower) }
        var labels = [UInt8](repeating: 0, count: limitBytes)
        let count = lower.withUnsafeBufferPointer { lower in
            labels.withUnsafeMutableBufferPointer { labels in
                cidn_to_ascii(lower.baseAddress, lower.count, labels.baseAddress, labels.count)
            }
        }
        // Other scripts have dots of their own, which are dots now, and an @ and a *, with which a domain would be the
        // key of somebody's address.
        let name = Array(labels.prefix(count))
        return withoutDots(count > 0 && name.allSatisfy(isOfName) ? name : lower)
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), .dot:
            true
        default: false
        }
    }

    /// Without those at its end; one alone stays.
    private static func withoutDots(_ name: [UInt8]) -> [UInt8] {
        guard let last = name.lastIndex(where: { $0 != .dot }) else { return Array(name.prefix(1)) }
        return Array(name[...last])
    }

    /// The domains above `name`, the longest first; of many the shortest ones.
    package static func parents(of name: [UInt8]) -> [ArraySlice<UInt8>] {
        // An address literal is below nothing.
        guard name.first != UInt8(ascii: "[") else { return [] }
        let dots = name.indices.filter { name[$0] == .dot && $0 + 1 < name.count }
        return dots.suffix(parentsLimit).map { name[($0 + 1)...] }
    }

    /// So many questions does one recipient cost at most, of each kind.
    private static let parentsLimit = 10
}

extension UInt8 {
    static var dot: UInt8 { UInt8(ascii: ".") }
    static var at: UInt8 { UInt8(ascii: "@") }
    static var quote: UInt8 { UInt8(ascii: "\"") }

    /// Of US-ASCII letters; other bytes are as they are.
    var lowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 0x20 : self
    }
}
