import Lookup

/// Reads the input as Redis' replies, in one piece and in several, of which the same must come.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRedisReplies(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let stream = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = replies(in: [stream])
    // Where the pieces end is the input's own choice.
    var pieces: [[UInt8]] = [[]]
    for byte in stream {
        pieces[pieces.count - 1].append(byte)
        if byte & 3 == 1 { pieces.append([]) }
    }
    precondition(replies(in: pieces) == whole)
    precondition(replies(in: stream.map { [$0] }) == whole)
    for case .reply(.text(let text)) in whole { precondition(text.count <= RedisReplies.textLimitBytes) }
    return 0
}

private func replies(in pieces: [[UInt8]]) -> [RedisReplies.Next] {
    let reader = RedisReplies()
    var all: [RedisReplies.Next] = []
    for piece in pieces {
        guard reader.take(piece.span) else { return all + [.broken] }
        while true {
            let next = reader.next()
            if next == .incomplete { break }
            all.append(next)
            if next == .broken { return all }
        }
    }
    return all
}
