// Values as they stand behind the equals sign.
extension ClientIdentity {
    static let unavailable = Array("[UNAVAILABLE]".utf8)
    static let temporarilyUnavailable = Array("[TEMPUNAVAIL]".utf8)

    /// What the attribute says, in xtext; nil where it is not told, or is too long to be.
    func value(of attribute: IdentityAttribute) -> [UInt8]? {
        switch attribute {
        case .address: Self.text(address) { Self.text(of: $0) }
        case .localAddress: Self.text(localAddress) { Self.text(of: $0) }
        case .port: Self.text(port) { Array("\($0)".utf8) }
        case .localPort: Self.text(localPort) { Array("\($0)".utf8) }
        case .dialogue: Self.text(dialogue) { Array($0.rawValue.utf8) }
        case .source: Self.text(source) { Array($0.rawValue.utf8) }
        case .name: Self.text(name) { $0 }
        case .reverseName: Self.text(reverseName) { $0 }
        case .helo: Self.text(helo) { $0 }
        case .login: Self.text(login) { $0 }
        case .identifier: Self.text(identifier) { $0 }
        }
    }

    private static func text<Value>(_ told: Told<Value>?, _ text: (Value) -> [UInt8]) -> [UInt8]? {
        switch told {
        case nil: return nil
        case .unavailable: return unavailable
        case .temporarilyUnavailable: return temporarilyUnavailable
        case .known(let value):
            let bytes = text(value)
            guard 1...IdentityAttribute.valueLimitBytes ~= bytes.count else { return nil }
            let text = Xtext.encoded(bytes)
            // A client that calls itself so is still one with a name.
            let isMarker = [unavailable, temporarilyUnavailable].contains(text.map(\.uppercased))
            return isMarker ? Array("+5B".utf8) + text.dropFirst() : text
        }
    }

    /// `192.0.2.1`, `IPV6:2001:db8::1`.
    private static func text(of address: IPAddress) -> [UInt8] {
        Array((address.isIPv4 ? "\(address)" : "IPV6:\(address)").utf8)
    }

    /// Takes what an attribute is told to be.
    mutating func take(_ attribute: IdentityAttribute, _ value: ArraySlice<UInt8>) throws(IdentityError) {
        switch attribute {
        case .address: address = try Self.told(value, Self.address)
        case .localAddress: localAddress = try Self.told(value, Self.address)
        case .port: port = try Self.told(value, Self.port)
        case .localPort: localPort = try Self.told(value, Self.port)
        case .dialogue: dialogue = try Self.told(value, Self.word)
        case .source: source = try Self.told(value, Self.word)
        case .name: name = try Self.told(value, Self.hostName)
        case .reverseName: reverseName = try Self.told(value, Self.hostName)
        case .helo: helo = try Self.told(value) { $0.contains(.space) ? nil : $0 }
        case .login: login = try Self.told(value) { $0 }
        case .identifier: identifier = try Self.told(value) { $0 }
        }
    }

    /// - Parameter read: Nil where the bytes are no such value.
    private static func told<Value>(
        _ xtext: ArraySlice<UInt8>, _ read: ([UInt8]) -> Value?
    ) throws(IdentityError) -> Told<Value> {
        let word = xtext.map(\.uppercased)
        if word == unavailable { return .unavailable }
        if word == temporarilyUnavailable { return .temporarilyUnavailable }
        guard let bytes = Xtext.decoded(xtext), 1...IdentityAttribute.valueLimitBytes ~= bytes.count,
            bytes.allSatisfy({ $0 >= .space && $0 != 0x7F }), let value = read(bytes)
        else { throw .badValue }
        return .known(value)
    }

    /// IPv6 has the prefix; IPv4 has none.
    private static func address(_ bytes: [UInt8]) -> IPAddress? {
        if let bits = IPAddress.ipv4(bytes.span, in: bytes.indices) { return IPAddress(ipv4: bits) }
        let prefix = Array("IPV6:".utf8)
        guard bytes.matches(prefix, at: 0) else { return nil }
        return IPAddress.ipv6(bytes.span, in: prefix.count..<bytes.count).map { IPAddress(ipv6: $0) }
    }

    private static func port(_ bytes: [UInt8]) -> UInt16? {
        IPAddress.decimal(bytes.span, in: bytes.indices, limit: 65_535).map { UInt16($0) }
    }

    private static func word<Word: RawRepresentable<String>>(_ bytes: [UInt8]) -> Word? {
        Word(rawValue: String(decoding: bytes.map(\.uppercased), as: UTF8.self))
    }

    private static func hostName(_ bytes: [UInt8]) -> [UInt8]? {
        var reader = MailboxReader(bytes: bytes, syntax: .lenient)
        return bytes[0] != UInt8(ascii: "[") && reader.domain() != nil && reader.isAtEnd ? bytes : nil
    }
}
