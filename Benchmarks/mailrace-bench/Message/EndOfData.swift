import Glibc

/// Finds the end of a message in what follows DATA, and takes away the dots that the client doubled
/// (RFC 5321 section 4.5.2). Only CRLF ends a line.
///
/// It looks for dots, which are rare, and only then for what stands around them, so that a message costs little more
/// than memchr does.
struct EndOfData {
    /// The two bytes before those that are handed over next. A message starts as if a line had just ended.
    private var last: (UInt8, UInt8) = (0x0d, 0x0a)

    /// Looks through `bytes` and gives the message's own bytes to `emit`, in runs.
    ///
    /// - Returns: how many bytes are done with, and whether the message ends with them. What is left, two bytes at
    ///   most, is to be handed over again with more behind it.
    mutating func take(_ bytes: RawSpan, emit: (RawSpan) -> Void) -> (consumed: Int, isEnd: Bool) {
        var start = 0
        var index = 0
        while let dot = Self.firstDot(in: bytes, from: index) {
            index = dot + 1
            guard startsLine(dot, in: bytes) else { continue }
            emit(bytes.extracting(start..<dot))
            start = dot
            switch Self.lineEnd(behind: dot, in: bytes) {
            case .there: return (dot + 3, true)
            case .undecided: return (consumed(dot, of: bytes), false)
            case .absent: start = dot + 1
            }
        }
        emit(bytes.extracting(start..<bytes.byteCount))
        return (consumed(bytes.byteCount, of: bytes), false)
    }

    private enum LineEnd { case there, absent, undecided }

    private static func lineEnd(behind dot: Int, in bytes: RawSpan) -> LineEnd {
        guard dot + 1 < bytes.byteCount else { return .undecided }
        guard byte(dot + 1, of: bytes) == 0x0d else { return .absent }
        guard dot + 2 < bytes.byteCount else { return .undecided }
        return byte(dot + 2, of: bytes) == 0x0a ? .there : .absent
    }

    private func startsLine(_ index: Int, in bytes: RawSpan) -> Bool {
        before(index - 1, in: bytes) == 0x0a && before(index - 2, in: bytes) == 0x0d
    }

    /// The byte at `index`, which is one of those handed over before where it is -1 or -2.
    private func before(_ index: Int, in bytes: RawSpan) -> UInt8 {
        switch index {
        case -1: last.1
        case -2: last.0
        default: Self.byte(index, of: bytes)
        }
    }

    private mutating func consumed(_ count: Int, of bytes: RawSpan) -> Int {
        last = (before(count - 2, in: bytes), before(count - 1, in: bytes))
        return count
    }

    private static func byte(_ index: Int, of bytes: RawSpan) -> UInt8 {
        bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }

    private static func firstDot(in bytes: RawSpan, from index: Int) -> Int? {
        guard index < bytes.byteCount else { return nil }
        return bytes.withUnsafeBytes { memory in
            guard let base = memory.baseAddress else { return nil }
            let dot = Int32(UInt8(ascii: "."))
            guard let found = memchr(base + index, dot, memory.count - index) else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }
}
