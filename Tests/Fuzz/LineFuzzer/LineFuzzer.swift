import Wire

/// Frames a stream in one piece, byte by byte, and in portions that the input chooses: all must give the same.
///
/// The input is the limit of a line, the length of the portions, and the stream.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzLines(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard input.count > 2 else { return -1 }
    let limitBytes = 2 + Int(input[0] % 64)
    let stream = Array(input[2...])

    let expected = read(stream, portionBytes: stream.count, limitBytes: limitBytes)
    precondition(expected == reference(stream, limitBytes: limitBytes))
    precondition(expected == read(stream, portionBytes: 1, limitBytes: limitBytes))
    precondition(expected == read(stream, portionBytes: 1 + Int(input[1]), limitBytes: limitBytes))
    return 0
}

/// What came of a stream: the lines, the lengths of the lines that were too long, and what is left without an end.
private struct Outcome: Equatable {
    var lines: [[UInt8]] = []
    var discardedBytes: [Int] = []
    var rest: [UInt8] = []
    /// The bytes seen of a line that is too long and has not ended.
    var discardingBytes = 0
}

private func read(_ stream: [UInt8], portionBytes: Int, limitBytes: Int) -> Outcome {
    var outcome = Outcome()
    var framer = LineFramer(limitBytes: limitBytes)
    var discarder: LineDiscarder?
    var unread: [UInt8] = []

    func step() -> Bool {
        if var discarding = discarder {
            switch discarding.next(in: unread.span) {
            case .lineEnd(let length):
                outcome.discardedBytes.append(discarding.discardedBytes)
                unread.removeFirst(length)
                discarder = nil
                return true
            case .incomplete:
                unread = []
                discarder = discarding
                return false
            }
        }
        switch framer.next(in: unread.span) {
        case .line(let length):
            outcome.lines.append(Array(unread[..<length]))
            unread.removeFirst(length)
            return true
        case .incomplete:
            return false
        case .tooLong:
            discarder = LineDiscarder()
            return true
        }
    }

    for start in stride(from: 0, to: stream.count, by: portionBytes) {
        unread += stream[start..<min(start + portionBytes, stream.count)]
        while step() {}
    }
    outcome.rest = unread
    outcome.discardingBytes = discarder?.discardedBytes ?? 0
    return outcome
}

/// The same with the whole stream in view: cut behind every CRLF, then sort by length.
private func reference(_ stream: [UInt8], limitBytes: Int) -> Outcome {
    var outcome = Outcome()
    var start = 0
    for index in stream.indices.dropFirst() where stream[index - 1] == 0x0D && stream[index] == 0x0A {
        let line = Array(stream[start...index])
        if line.count <= limitBytes { outcome.lines.append(line) } else { outcome.discardedBytes.append(line.count) }
        start = index + 1
    }
    let rest = Array(stream[start...])
    if rest.count < limitBytes { outcome.rest = rest } else { outcome.discardingBytes = rest.count }
    return outcome
}
