/// The bytes that SMTP knows by name (RFC 5234 appendix B.1).
extension UInt8 {
    static var nul: UInt8 { 0x00 }
    static var tab: UInt8 { 0x09 }
    static var lineFeed: UInt8 { 0x0A }
    static var carriageReturn: UInt8 { 0x0D }
    static var space: UInt8 { 0x20 }
    static var dash: UInt8 { 0x2D }
    static var dot: UInt8 { 0x2E }
    static var colon: UInt8 { 0x3A }
    static var backslash: UInt8 { 0x5C }

    /// Space or tab.
    var isBlank: Bool { self == .space || self == .tab }

    /// The value of a decimal digit; nil for any other byte.
    var decimalValue: Int? {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) ? Int(self - UInt8(ascii: "0")) : nil
    }

    /// The value of a hexadecimal digit, in either case of letters; nil for any other byte.
    var hexadecimalValue: Int? {
        if let decimalValue { return decimalValue }
        let letter = uppercased
        guard (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(letter) else { return nil }
        return Int(letter - UInt8(ascii: "A")) + 10
    }

    /// SMTP folds the case of US-ASCII letters and of nothing else (RFC 5321 section 2.4).
    var uppercased: UInt8 {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) ? self - 0x20 : self
    }

    /// As `uppercased`, the other way.
    var lowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 0x20 : self
    }
}

extension Span<UInt8> {
    /// Whether a CRLF ends these bytes.
    var endsInLineEnd: Bool {
        count >= 2 && self[count - 2] == .carriageReturn && self[count - 1] == .lineFeed
    }

    func allSatisfy(_ predicate: (UInt8) -> Bool) -> Bool {
        indices.allSatisfy { predicate(self[$0]) }
    }
}

extension [UInt8] {
    /// Appends a part of borrowed bytes.
    mutating func append(_ bytes: Span<UInt8>, in range: Range<Int>) {
        append(addingCapacity: range.count) { added in
            for index in range { added.append(bytes[index]) }
        }
    }

    /// Whether `uppercase` stands at `start`, in any case of letters. `uppercase` holds no small letters.
    func matches(_ uppercase: [UInt8], at start: Int) -> Bool {
        guard uppercase.count <= count - start else { return false }
        return uppercase.indices.allSatisfy { self[start + $0].uppercased == uppercase[$0] }
    }

    /// The number that one to 20 decimal digits are (RFC 1870 section 3, RFC 3030 section 2); what an Int cannot hold
    /// is the greatest. Nil for anything else.
    var decimalNumber: Int? {
        guard 1...20 ~= count else { return nil }
        var number = 0
        for digit in self {
            guard let value = digit.decimalValue else { return nil }
            let (tens, tooMany) = number.multipliedReportingOverflow(by: 10)
            let (sum, tooMuch) = tens.addingReportingOverflow(value)
            number = tooMany || tooMuch ? .max : sum
        }
        return number
    }
}
