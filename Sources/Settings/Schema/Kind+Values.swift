extension Kind where Value == Settings.Rate {
    static var rate: Kind { .described("a rate, as in \"20/1m\"", parse: Settings.Rate.parse) }
}

extension Kind where Value == Settings.Pin {
    static var pin: Kind { .described("a SHA-256 digest in hexadecimal or base64", parse: Settings.Pin.parse) }
}

extension Kind where Value == Settings.ProxyTLV {
    static var proxyTLV: Kind { .described(Settings.ProxyTLV.expected, parse: Settings.ProxyTLV.parse) }
}

extension Kind where Value == Int {
    /// A number of bytes: `"0"`, `"512"`, `"4KiB"`, `"25MiB"`.
    static func size(_ range: ClosedRange<Int>) -> Kind {
        let bounds = "from \(SizeText.format(range.lowerBound)) to \(SizeText.format(range.upperBound))"
        return .string("a size \(bounds)") { text in
            guard let size = SizeText.parse(text) else {
                return .refused(
                    "\(Quoting.shown(text)) is not a size; expected a number of bytes, or one with KiB, MiB or GiB,"
                        + " as in \"4KiB\"")
            }
            guard range.contains(size) else {
                return .refused("\(Quoting.shown(text)) is out of range; expected a size \(bounds)")
            }
            return .value(size)
        } format: { size in
            SizeText.format(size)
        }
    }
}

/// Numbers of bytes as text.
enum SizeText {
    private static let units: [(name: String, shift: Int)] = [("", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30)]
    private static let digitsMax = 10

    static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = units.first { $0.name == text[digits.endIndex...] }
        guard let unit, let number = Ascii.number(digits, digitsMax: digitsMax) else { return nil }
        let (size, overflow) = number.multipliedReportingOverflow(by: 1 << unit.shift)
        return overflow ? nil : size
    }

    /// In the largest unit that needs no fraction.
    static func format(_ size: Int) -> String {
        let unit = units.last { size > 0 && size % (1 << $0.shift) == 0 } ?? units[0]
        return "\(size >> unit.shift)\(unit.name)"
    }
}

extension Kind where Value == Settings.Upstream.TLSVerification {
    /// `"auto"`, or whether; the latter as a boolean or as a string.
    static var tlsVerification: Kind {
        let expected = "one of \"auto\", true, false"
        return Kind(expected: expected) { node, problems in
            switch node.content {
            case .boolean(let value): return value ? .on : .off
            case .string(let text), .text(let text):
                if let value = Value(rawValue: text) { return value }
                let hint = Spelling.hint(for: text, among: Value.allCases.map(\.rawValue))
                problems.report(node, "\(Quoting.shown(text)) is not \(expected)\(hint)")
            default: problems.reportType(node, expected: expected)
            }
            return nil
        } print: { value in
            value == .auto ? "\"auto\"" : value.rawValue
        }
    }
}
