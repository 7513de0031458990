/// The bytes that no command and no reply may hold within a line (RFC 5321 sections 2.3.8 and 4.1.1).
///
/// Where two programs disagree about them, one of them sees a line that the other does not: that is how commands
/// are smuggled. So they are refused, never repaired.
public enum ForbiddenByte: UInt8, Sendable, CustomStringConvertible {
    case nul = 0x00
    /// A LF without a CR before it.
    case bareLineFeed = 0x0A
    /// A CR without a LF behind it.
    case bareCarriageReturn = 0x0D

    public var description: String {
        switch self {
        case .nul: "NUL"
        case .bareLineFeed: "bare LF"
        case .bareCarriageReturn: "bare CR"
        }
    }

    /// The first forbidden byte among the first `length` of `line`, which are those before its CRLF.
    static func first(in line: Span<UInt8>, length: Int) -> ForbiddenByte? {
        for index in 0..<length where line[index] <= bareCarriageReturn.rawValue {
            if let found = ForbiddenByte(rawValue: line[index]) { return found }
        }
        return nil
    }
}
