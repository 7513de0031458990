import Testing
import Wire

@Suite struct ServerOfferTests {
    private func offer(_ lines: String...) throws -> ServerOffer {
        let all = ["mail.example"] + lines
        let text = all.enumerated().map { "250\($0 + 1 == all.count ? " " : "-")\($1)\r\n" }.joined()
        return ServerOffer(try #require(try Reply(text)))
    }

    @Test("What a reply to EHLO lists")
    func lists() throws {
        let offer = try offer("SIZE 1000", "8bitmime", "PIPELINING", "X-OTHER", "DSN", "AUTH PLAIN", "CHUNKINGX")
        #expect(offer.capabilities == [.size, .eightBitMIME, .pipelining, .dsn, .auth])
        #expect(offer.messageBytesMax == 1_000)
        #expect(offer.offers(.dsn) && !offer.offers(.chunking))
    }

    @Test("A reply that is none to EHLO offers nothing", arguments: ["250 mail.example\r\n", "500-a\r\n500 DSN\r\n"])
    func nothing(_ text: String) throws {
        #expect(ServerOffer(try #require(try Reply(text))) == .nothing)
    }

    @Test(
        "A size that is no number, none, or 0 is no limit",
        arguments: ["SIZE", "SIZE 0", "SIZE x", "SIZE -1", "SIZE 111111111111111111111"])
    func noSize(_ line: String) throws {
        let offer = try offer(line)
        #expect(offer.messageBytesMax == 0 && offer.offers(.size))
    }

    @Test("Limits that it announces")
    func limits() throws {
        let offer = try offer("LIMITS MAILMAX=10 rcptmax=999999 RCPTDOMAINMAX=1 NEW=5")
        #expect(offer.transactionsMax == 10 && offer.recipientsMax == 999_999 && offer.recipientDomainsMax == 1)
    }

    @Test(
        "A limit that is none is as if it were not there",
        arguments: [
            "LIMITS", "LIMITS RCPTMAX", "LIMITS RCPTMAX=", "LIMITS RCPTMAX=0", "LIMITS RCPTMAX=1000000",
            "LIMITS RCPTMAX=1x", "LIMITS XRCPTMAX=1",
        ])
    func noLimits(_ line: String) throws {
        let offer = try offer(line)
        #expect(offer.recipientsMax == nil && offer.offers(.limits))
    }

    @Test("Several have in common what each has")
    func intersection() throws {
        let one = try offer("SIZE 1000", "DSN", "SMTPUTF8", "LIMITS RCPTMAX=5")
        let other = try offer("SIZE 0", "DSN", "CHUNKING", "LIMITS RCPTMAX=7 MAILMAX=3")
        for common in [one.intersection(other), other.intersection(one)] {
            #expect(common.capabilities == [.size, .dsn, .limits])
            #expect(common.messageBytesMax == 1_000)
            #expect(common.recipientsMax == 5 && common.transactionsMax == 3 && common.recipientDomainsMax == nil)
        }
        // What does not say how much it takes takes what the other takes, as far as anybody knows.
        #expect(one.intersection(.nothing).capabilities.isEmpty)
        #expect(one.intersection(.nothing).messageBytesMax == 1_000)
        #expect(one.intersection(one) == one)
    }

    @Test("A parameter goes to those who know it")
    func parameters() throws {
        let command = try MailCommand(argument: bytes("FROM:<> SIZE=1 BODY=BINARYMIME RET=HDRS X=1"), syntax: .strict)
        let offer = try offer("SIZE", "8BITMIME", "DSN")
        #expect(command.parameters.map { offer.takes($0) } == [true, false, true, false])
    }
}
