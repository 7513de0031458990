import Wire

/// Reads the input as replies, edits the capabilities of each, and checks that what comes out is a reply again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzReplies(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let stream = Array(UnsafeBufferPointer(start: start, count: count))
    guard let replies = try? replies(in: stream) else { return 0 }
    precondition(stream.starts(with: replies.flatMap(\.bytes)))
    for reply in replies { check(reply) }
    return 0
}

private func replies(in stream: [UInt8]) throws(ReplyError) -> [Reply] {
    var replies: [Reply] = []
    var assembler = ReplyAssembler()
    var framer = LineFramer(limitBytes: Reply.lineLimitBytes)
    var unread = stream
    while true {
        switch framer.next(in: unread.span) {
        case .line(let length):
            let line = Array(unread[..<length])
            if let reply = try assembler.add(line.span) { replies.append(reply) }
            unread.removeFirst(length)
        case .incomplete: return replies
        case .tooLong: throw .lineTooLong
        }
    }
}

private func check(_ reply: Reply) {
    precondition(reply.bytes.count <= Reply.limitBytes && reply.texts.count == reply.lineCount)
    precondition(isOneReply(reply))

    let removed = reply.removing([.starttls])
    precondition(isOneReply(removed) && !removed.offers(.starttls))
    precondition(removed.texts.first == reply.texts.first)
    if !reply.offers(.starttls) { precondition(removed == reply) }

    guard let added = try? reply.adding(.starttls) else {
        precondition(!reply.offers(.starttls) && reply.bytes.count + 14 > Reply.limitBytes)
        return
    }
    precondition(isOneReply(added) && added.offers(.starttls) == (reply.code == 250))
    precondition(added.texts.starts(with: reply.texts))
    if reply.offers(.starttls) || reply.code != 250 { precondition(added == reply) }

    // What is added goes again without a trace, but for a separator where the last line had none.
    let restored = added.removing([.starttls])
    precondition(isOneReply(restored) && restored.texts == removed.texts)
    let bareCode = Array("250\r\n".utf8)
    let endsInBareCode = reply.bytes == bareCode || reply.bytes.suffix(7) == [0x0D, 0x0A] + bareCode
    if !endsInBareCode { precondition(restored == removed) }
}

private func isOneReply(_ reply: Reply) -> Bool {
    (try? replies(in: reply.bytes)) == [reply]
}
