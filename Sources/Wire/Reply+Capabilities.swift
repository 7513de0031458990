/// What a server's reply to EHLO offers, and how a relay changes the offer (RFC 5321 section 4.1.1.1).
///
/// The first line is the server's greeting and is never read as a capability. Only a 250 reply offers anything; any
/// other reply is left alone.
extension Reply {
    /// Whether the reply lists `capability`, in any case of letters: a keyword ends at a space or at the end of its
    /// line.
    public func offers(_ capability: Capability) -> Bool {
        code == 250 && lines.dropFirst().contains { names(capability, in: $0) }
    }

    /// The words behind the keyword, where `capability` is listed first; none where it is not.
    func parameters(of capability: Capability) -> [ArraySlice<UInt8>] {
        guard code == 250, let line = lines.dropFirst().first(where: { names(capability, in: $0) }) else { return [] }
        return bytes[textRange(of: line)].dropFirst(capability.keyword.count).split(separator: .space)
    }

    /// The reply with `capability` listed: as it is if it is listed already, else with one line more at its end.
    ///
    /// Throws `replyTooLong` if that line does not fit into `Reply.limitBytes`, because a reply that silently lacks
    /// STARTTLS would make its reader go on in the clear.
    public func adding(_ capability: Capability) throws(ReplyError) -> Reply {
        guard code == 250, !offers(capability) else { return self }
        let beforeLast = bytes.dropLast().lastIndex(of: .lineFeed) ?? -1
        let separator = beforeLast + 1 + 3
        var edited: [UInt8] = []
        edited.reserveCapacity(bytes.count + capability.keyword.count + 7)
        edited += bytes[..<separator]
        edited.append(.dash)
        edited += bytes[(bytes[separator] == .carriageReturn ? separator : separator + 1)...]
        edited += "250 ".utf8
        edited += capability.keyword
        edited += [.carriageReturn, .lineFeed]
        guard edited.count <= Self.limitBytes else { throw .replyTooLong }
        return Reply(code: code, bytes: edited, lineCount: lineCount + 1)
    }

    /// The reply without any line that lists one of `capabilities`, however often and wherever they stand, and whatever
    /// stands behind the keyword: some servers write `AUTH=PLAIN`.
    public func removing(_ capabilities: Set<Capability>) -> Reply {
        capabilities.isEmpty ? self : removing { line in capabilities.contains { begins(with: $0, line) } }
    }

    /// The same for one.
    public func removing(_ capability: Capability) -> Reply {
        removing { begins(with: capability, $0) }
    }

    private func removing(where isRemoved: (Range<Int>) -> Bool) -> Reply {
        guard code == 250, lines.dropFirst().contains(where: isRemoved) else { return self }
        var edited: [UInt8] = []
        var last = 0
        var count = 0
        for line in lines where count == 0 || !isRemoved(line) {
            last = edited.count
            edited += bytes[line]
            count += 1
        }
        if edited[last + 3] == .dash { edited[last + 3] = .space }
        return Reply(code: code, bytes: edited, lineCount: count)
    }

    private func names(_ capability: Capability, in line: Range<Int>) -> Bool {
        let text = textRange(of: line)
        let end = text.lowerBound + capability.keyword.count
        return begins(with: capability, line) && (end == text.upperBound || bytes[end] == .space)
    }

    /// The line begins with the keyword, and not with a longer one.
    private func begins(with capability: Capability, _ line: Range<Int>) -> Bool {
        let text = textRange(of: line)
        guard bytes.matches(capability.keyword, at: text.lowerBound) else { return false }
        let end = text.lowerBound + capability.keyword.count
        return end == text.upperBound || !Self.isKeywordByte(bytes[end])
    }

    private static func isKeywordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), .dash: true
        default: false
        }
    }
}
