import Wire

/// Reads the input as a command line, and checks what came of it against the line.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCommand(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let line = Array(UnsafeBufferPointer(start: start, count: count))
    let ended = line + [0x0D, 0x0A]
    let content = line.suffix(2) == [0x0D, 0x0A] ? Array(line.dropLast(2)) : line
    let hasForbidden = content.contains { [0x00, 0x0A, 0x0D].contains($0) }

    do {
        let command = try Command(line: line.span)
        precondition(!hasForbidden)
        precondition(content.contains { $0 != 0x20 && $0 != 0x09 })
        check(command, against: content)
        // The CRLF is no part of a command, nor are blanks before it.
        if content == line { precondition(same(ended, as: command)) }
        precondition(same(content + [0x20, 0x09, 0x0D, 0x0A], as: command))
    } catch {
        switch error {
        case .empty: precondition(content.allSatisfy { $0 == 0x20 || $0 == 0x09 })
        case .forbidden(let byte):
            precondition(content.first { [0x00, 0x0A, 0x0D].contains($0) } == byte.rawValue)
        }
    }
    checkFilter(line)
    return 0
}

/// What a transcript shows of the line: nothing new, and behind AUTH nothing of it.
private func checkFilter(_ line: [UInt8]) {
    var filter = CredentialFilter()
    let shown = filter.shown(line)
    precondition(!shown.contains(0x0A) && !shown.contains(0x0D))
    let mark = Array(CredentialFilter.mark.utf8)
    let head = Array("AUTH".utf8)
    let words = line.drop { $0 <= 0x20 && $0 != 0x0A && $0 != 0x0D || $0 == 0x7F }
    let isAuth = words.prefix(head.count).map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 } == head
    if isAuth {
        precondition(shown.starts(with: head))
        // AUTH, a space, the longest name of a mechanism, a space, the mark.
        precondition(shown.count <= 24 + mark.count)
        precondition(filter.shown(Array("c2VjcmV0".utf8)) == mark)
    } else {
        precondition(shown == Array(line.prefix { $0 != 0x0A && $0 != 0x0D }))
    }
}

private func check(_ command: Command, against content: [UInt8]) {
    let end = content.lastIndex { $0 != 0x20 && $0 != 0x09 } ?? 0
    let trimmed = content[...end]
    let word = trimmed.prefix { $0 != 0x20 }
    let folded = word.map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
    precondition(command.verb == Verb.allCases.first { Array($0.rawValue.utf8) == folded } ?? .unknown)
    precondition(command.argument == Array(trimmed.dropFirst(word.count + 1)))
}

private func same(_ line: [UInt8], as command: Command) -> Bool {
    (try? Command(line: line.span)) == command
}
