extension String {
    /// Bytes of a peer as text for logs and replies: printable US-ASCII as it is, a backslash doubled, any other byte
    /// as `\xNN`. Cut before it would be longer than `limitBytes`, never within an escape.
    public init(escaping bytes: some Sequence<UInt8>, limitBytes: Int) {
        self.init()
        for byte in bytes {
            let next =
                switch byte {
                case .backslash: "\\\\"
                case UInt8(ascii: " ")...UInt8(ascii: "~"): String(UnicodeScalar(byte))
                default: "\\x" + hexadecimal(byte)
                }
            guard utf8.count + next.utf8.count <= limitBytes else { return }
            self += next
        }
    }
}

/// The two hexadecimal digits of a byte.
func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return byte < 0x10 ? "0" + digits : digits
}
