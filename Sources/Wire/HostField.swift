/// The Host field of an HTTP request (RFC 9110 section 7.2). A page of somebody else's, open in a browser on this
/// machine, can give a name of its own the address of the admin endpoint and read it so (DNS rebinding); its requests
/// then carry that name.
public enum HostField {
    /// True where the field is an IP address, `localhost` or one of `names`, with or without a port; also where it is
    /// empty, which no browser leaves it.
    public static func isTrusted(_ field: Span<UInt8>, names: [String]) -> Bool {
        guard field.count > 0 else { return true }
        guard field[0] == UInt8(ascii: "[") else {
            let end = index(of: .colon, in: field)
            guard isPort(field, from: end) else { return false }
            return IPAddress.ipv4(field, in: 0..<end) != nil || isSame(field, upTo: end, "localhost")
                || names.contains { isSame(field, upTo: end, $0) }
        }
        let end = index(of: UInt8(ascii: "]"), in: field)
        guard end < field.count, isPort(field, from: end + 1) else { return false }
        return IPAddress.ipv6(field, in: 1..<end) != nil
    }

    /// Where the byte stands first; the number of bytes where it does not.
    private static func index(of byte: UInt8, in field: Span<UInt8>) -> Int {
        var index = 0
        while index < field.count, field[index] != byte { index += 1 }
        return index
    }

    /// True for nothing, and for a colon with digits.
    private static func isPort(_ field: Span<UInt8>, from start: Int) -> Bool {
        guard start < field.count else { return true }
        return field[start] == .colon && (start + 1..<field.count).allSatisfy { field[$0].decimalValue != nil }
    }

    /// Whatever the case of US-ASCII letters.
    private static func isSame(_ field: Span<UInt8>, upTo end: Int, _ name: String) -> Bool {
        name.utf8.count == end && zip(0..<end, name.utf8).allSatisfy { field[$0].uppercased == $1.uppercased }
    }
}
