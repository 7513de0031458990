internal import CWipe

/// Bytes that nobody may see: a password, a token, a line that holds one.
///
/// They are in one place, are never printed, and are overwritten when the last owner lets go of them.
public final class Secret: Sendable, CustomStringConvertible, CustomReflectable {
    /// Never handed out: as this array has no other owner, what the end of the object overwrites is all there is.
    private let bytes: [UInt8]

    /// A copy of borrowed bytes, which stay the owner's to wipe.
    public convenience init(_ bytes: Span<UInt8>) {
        self.init(bytes, in: 0..<bytes.count)
    }

    /// A copy of a part of borrowed bytes.
    public convenience init(_ bytes: Span<UInt8>, in range: Range<Int>) {
        self.init(capacityBytes: range.count) { filled in
            for index in range { filled.append(bytes[index]) }
        }
    }

    /// A copy of bytes, which stay the owner's to wipe.
    public convenience init(copying bytes: [UInt8]) {
        self.init(capacityBytes: bytes.count) { filled in
            for byte in bytes { filled.append(byte) }
        }
    }

    /// What `fill` writes, which is at most `capacityBytes`.
    public init(capacityBytes: Int, _ fill: (inout OutputSpan<UInt8>) -> Void) {
        var bytes: [UInt8] = []
        bytes.append(addingCapacity: capacityBytes, initializingWith: fill)
        self.bytes = bytes
    }

    deinit {
        unsafe bytes.withUnsafeBytes { unsafe wipe_bytes($0.baseAddress, $0.count) }
    }

    /// In bytes.
    public var count: Int { bytes.count }
    public var isEmpty: Bool { bytes.isEmpty }

    /// Lends the bytes. What `body` copies of them is its own to wipe.
    public func withBytes<Value, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        // The end of the object overwrites what is lent here, so that it is not to come before `body` is done.
        defer { withExtendedLifetime(self) {} }
        let held = bytes
        return try body(held.span)
    }

    /// Appends the bytes to those of an owner who wipes them (`[UInt8].wipe`).
    public func append(to buffer: inout [UInt8]) {
        buffer.append(contentsOf: bytes)
    }

    /// Whether these are the same bytes. It takes as long for a first byte that differs as for a last one.
    public func isSame(as other: Span<UInt8>) -> Bool {
        guard other.count == count else { return false }
        var difference: UInt8 = 0
        for index in bytes.indices { difference |= bytes[index] ^ other[index] }
        return difference == 0
    }

    public var description: String { CredentialFilter.mark }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension [UInt8] {
    /// Overwrites the bytes with zeros and drops them. Another owner of the same array keeps them, so that this is for
    /// arrays which have not been copied or assigned.
    public mutating func wipe() {
        unsafe withUnsafeMutableBytes { unsafe wipe_bytes($0.baseAddress, $0.count) }
        removeAll(keepingCapacity: true)
    }
}
