import Testing

@testable import mailrace_bench

@Suite struct MessageTests {
    static let bodySizes = [0, 2, 3, 4, 5, 77, 78, 79, 80, 81, 82, 156, 157, 1_000, 4_096]

    @Test(arguments: bodySizes) func arrivesIntactAtEverySplit(_ size: Int) throws {
        let content = content(bodyBytes: size)
        let wire = wireForm(content, 3)
        let message = try #require(received(wire, cutAt: [])).message
        for cut in 0...wire.count { #expect(received(wire, cutAt: [cut])?.message == message) }
        for cut in 0...message.count { #expect(verdict(message, cutAt: [cut]) == .intact(content.mark(3))) }
        let cuts = Array(0..<message.count)
        #expect(verdict(message, cutAt: cuts) == .intact(content.mark(3)))
    }

    @Test(arguments: bodySizes) func hasABodyOfTheSizeAskedFor(_ size: Int) throws {
        let content = content(bodyBytes: size)
        for number in 0..<200 as Range<UInt64> {
            let message = try #require(received(wireForm(content, number), cutAt: [])).message
            let headerEnd = try #require(String(decoding: message, as: UTF8.self).utf8.firstRange(of: "\r\n\r\n".utf8))
            let body = String(decoding: message, as: UTF8.self).utf8[headerEnd.upperBound...]
            #expect(body.count == size)
            #expect(size == 0 || body.suffix(2).elementsEqual("\r\n".utf8))
        }
    }

    @Test func isLargerThanTheTextItIsCutFrom() throws {
        let content = content(bodyBytes: 1_000_003)
        let wire = wireForm(content, 63, pieceBytes: 10_000)
        #expect(wire == wireForm(content, 63))
        let message = try #require(received(wire, cutAt: [1, 8_192, 70_000, 70_001])).message
        #expect(verdict(message) == .intact(content.mark(63)))
    }

    @Test func isTheSameForTheSameSeedAndDiffersByNumber() {
        let (one, other) = (content(bodyBytes: 5_000), content(bodyBytes: 5_000))
        #expect(wireForm(one, 9) == wireForm(other, 9))
        #expect(one.mark(9).digest != one.mark(10).digest)
        #expect(MessageText(seed: 1).plain != MessageText(seed: 2).plain)
    }

    @Test func carriesLinesThatBeginWithDots() {
        let text = String(decoding: MessageText(seed: 1).stuffed, as: UTF8.self)
        for line in ["\r\n..\r\n", "\r\n...\r\n", "\r\n\r\n"] { #expect(text.utf8.contains(line.utf8)) }
    }

    @Test func showsDamage() throws {
        let content = content(bodyBytes: 300)
        let message = try #require(received(wireForm(content, 1), cutAt: [])).message
        let body = message.count - 300
        for index in body..<message.count {
            var changed = message
            changed[index] ^= 1
            #expect(verdict(changed) == .damaged)
        }
        for length in body..<message.count { #expect(verdict(Array(message[..<length])) == .damaged) }
        #expect(verdict(message + bytes("x")) == .damaged)
    }

    @Test func allowsOthersToAddHeaderFields() throws {
        let content = content(bodyBytes: 300)
        let message = try #require(received(wireForm(content, 1), cutAt: [])).message
        #expect(verdict(bytes("Received: from x\r\n\tby y\r\n") + message) == .intact(content.mark(1)))
    }

    @Test func tellsOtherMessagesApart() {
        let others = [
            "", "\r\n", "a\r\n", "Subject: x\r\n\r\nMailrace-Bench: 1\r\n", "x: Mailrace-Bench: \r\n\r\n",
        ]
        for message in others { #expect(verdict(bytes(message)) == .unmarked) }
    }

    @Test func givesUpOnAnEndlessHeader() {
        let header = [UInt8](repeating: UInt8(ascii: "x"), count: MessageCheck.headerLimitBytes)
        #expect(verdict(header + bytes("\r\n\r\nbody\r\n")) == .unmarked)
    }
}

extension Collection where Element: Equatable {
    fileprivate func firstRange(of other: some Collection<Element>) -> Range<Index>? {
        var start = startIndex
        while start != endIndex {
            if self[start...].starts(with: other) { return start..<index(start, offsetBy: other.count) }
            formIndex(after: &start)
        }
        return nil
    }

    fileprivate func contains(_ other: some Collection<Element>) -> Bool { firstRange(of: other) != nil }
}
