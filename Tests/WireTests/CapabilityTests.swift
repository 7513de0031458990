import Testing
import Wire

@Suite struct CapabilityTests {
    struct Offer: Sendable, CustomTestStringConvertible {
        var text: String
        var isOffered: Bool
        /// With STARTTLS added; as it was if nil.
        var added: String?
        /// With STARTTLS removed; as it was if nil.
        var removed: String?
        var testDescription: String { visible(text) }
    }

    static let offers: [Offer] = [
        // No capability at all.
        Offer(text: "250 mail.example\r\n", isOffered: false, added: "250-mail.example\r\n250 STARTTLS\r\n"),
        Offer(text: "250 \r\n", isOffered: false, added: "250-\r\n250 STARTTLS\r\n"),
        Offer(text: "250\r\n", isOffered: false, added: "250-\r\n250 STARTTLS\r\n"),
        // Others only.
        Offer(
            text: "250-mail.example\r\n250-SIZE 10\r\n250 PIPELINING\r\n", isOffered: false,
            added: "250-mail.example\r\n250-SIZE 10\r\n250-PIPELINING\r\n250 STARTTLS\r\n"),
        Offer(text: "250-m\r\n250\r\n", isOffered: false, added: "250-m\r\n250-\r\n250 STARTTLS\r\n"),
        // First, in the middle, last, alone; any case; with parameters.
        Offer(text: "250-m\r\n250-STARTTLS\r\n250 SIZE\r\n", isOffered: true, removed: "250-m\r\n250 SIZE\r\n"),
        Offer(
            text: "250-m\r\n250-SIZE\r\n250-STARTTLS\r\n250 HELP\r\n", isOffered: true,
            removed: "250-m\r\n250-SIZE\r\n250 HELP\r\n"),
        Offer(text: "250-m\r\n250-SIZE\r\n250 STARTTLS\r\n", isOffered: true, removed: "250-m\r\n250 SIZE\r\n"),
        Offer(text: "250-m\r\n250 STARTTLS\r\n", isOffered: true, removed: "250 m\r\n"),
        Offer(text: "250-\r\n250 STARTTLS\r\n", isOffered: true, removed: "250 \r\n"),
        Offer(text: "250-m\r\n250-starttls\r\n250 SIZE\r\n", isOffered: true, removed: "250-m\r\n250 SIZE\r\n"),
        Offer(text: "250-m\r\n250 StartTls\r\n", isOffered: true, removed: "250 m\r\n"),
        Offer(text: "250-m\r\n250 STARTTLS \r\n", isOffered: true, removed: "250 m\r\n"),
        Offer(text: "250-m\r\n250 STARTTLS x=y\r\n", isOffered: true, removed: "250 m\r\n"),
        Offer(text: "250-m\r\n250-STARTTLS\r\n250\r\n", isOffered: true, removed: "250-m\r\n250\r\n"),
        Offer(
            text: "250-m\r\n250-STARTTLS\r\n250-SIZE\r\n250-starttls\r\n250 STARTTLS\r\n", isOffered: true,
            removed: "250-m\r\n250 SIZE\r\n"),
        Offer(text: "250-m\r\n250-STARTTLS\r\n250 STARTTLS\r\n", isOffered: true, removed: "250 m\r\n"),
        // Near misses; two are odd spellings, which are no offer to us but may be one to a client.
        Offer(
            text: "250-m\r\n250 STARTTLSX\r\n", isOffered: false, added: "250-m\r\n250-STARTTLSX\r\n250 STARTTLS\r\n"),
        Offer(
            text: "250-m\r\n250 XSTARTTLS\r\n", isOffered: false, added: "250-m\r\n250-XSTARTTLS\r\n250 STARTTLS\r\n"),
        Offer(text: "250-m\r\n250 STARTTL\r\n", isOffered: false, added: "250-m\r\n250-STARTTL\r\n250 STARTTLS\r\n"),
        Offer(
            text: "250-m\r\n250 STARTTLS=x\r\n", isOffered: false, added: "250-m\r\n250-STARTTLS=x\r\n250 STARTTLS\r\n",
            removed: "250 m\r\n"),
        Offer(
            text: "250-m\r\n250 STARTTLS\t\r\n", isOffered: false, added: "250-m\r\n250-STARTTLS\t\r\n250 STARTTLS\r\n",
            removed: "250 m\r\n"),
        Offer(
            text: "250-m\r\n250  STARTTLS\r\n", isOffered: false, added: "250-m\r\n250- STARTTLS\r\n250 STARTTLS\r\n"),
        Offer(
            text: "250-m\r\n250 X STARTTLS\r\n", isOffered: false, added: "250-m\r\n250-X STARTTLS\r\n250 STARTTLS\r\n"),
        // The greeting is no capability, whatever it says.
        Offer(text: "250 STARTTLS\r\n", isOffered: false, added: "250-STARTTLS\r\n250 STARTTLS\r\n"),
        Offer(
            text: "250-STARTTLS\r\n250 SIZE\r\n", isOffered: false,
            added: "250-STARTTLS\r\n250-SIZE\r\n250 STARTTLS\r\n"),
        Offer(text: "250-STARTTLS\r\n250 STARTTLS\r\n", isOffered: true, removed: "250 STARTTLS\r\n"),
        // Only 250 offers anything.
        Offer(text: "502 no\r\n", isOffered: false),
        Offer(text: "500-m\r\n500 STARTTLS\r\n", isOffered: false),
        Offer(text: "251-m\r\n251 STARTTLS\r\n", isOffered: false),
        Offer(text: "421 busy\r\n", isOffered: false),
        Offer(text: "220\r\n", isOffered: false),
    ]

    @Test("STARTTLS is found, added and removed", arguments: offers)
    func edit(_ offer: Offer) throws {
        let reply = try #require(try Reply(offer.text))
        let added = try reply.adding(.starttls)
        let removed = reply.removing([.starttls])
        #expect(reply.removing(.starttls) == removed)
        #expect(reply.offers(.starttls) == offer.isOffered)
        #expect(added.string == offer.added ?? offer.text)
        #expect(removed.string == offer.removed ?? offer.text)
        // What is edited is what a peer would read.
        #expect(try Reply(added.string) == added)
        #expect(try Reply(removed.string) == removed)
        #expect(added.offers(.starttls) == (reply.code == 250))
        #expect(!removed.offers(.starttls))
        // A second time changes nothing.
        #expect(try added.adding(.starttls) == added)
        #expect(removed.removing([.starttls]) == removed)
    }

    @Test("What is added can be removed, and nothing else goes with it")
    func addAndRemove() throws {
        for text in ["250 m\r\n", "250-m\r\n250-SIZE 10\r\n250 HELP\r\n"] {
            let reply = try #require(try Reply(text))
            #expect(try reply.adding(.starttls).removing([.starttls]) == reply)
        }
    }

    @Test("Several capabilities are removed at once")
    func removeSeveral() throws {
        let chunking = try #require(Capability("CHUNKING"))
        let binary = try #require(Capability("binarymime"))
        let text = "250-m\r\n250-Chunking\r\n250-SIZE 10\r\n250-STARTTLS\r\n250-BINARYMIME\r\n250 CHUNKING\r\n"
        let reply = try #require(try Reply(text))
        #expect(reply.removing([chunking, binary, .starttls]).string == "250-m\r\n250 SIZE 10\r\n")
        #expect(reply.removing([chunking, binary]).string == "250-m\r\n250-SIZE 10\r\n250 STARTTLS\r\n")
        #expect(reply.removing([]) == reply)
    }

    @Test("All that a server offers can be hidden; its greeting stays")
    func removeAll() throws {
        let hidden = Set(try ["size", "Pipelining", "STARTTLS"].map { try #require(Capability($0)) })
        for text in [
            "250-m\r\n250-SIZE 10\r\n250-PIPELINING\r\n250 STARTTLS\r\n", "250-m\r\n250-starttls\r\n250 size\r\n",
            "250-m\r\n250-Size\r\n250 SIZE 5\r\n", "250 m\r\n",
        ] {
            let reply = try #require(try Reply(text))
            #expect(reply.removing(hidden).string == "250 m\r\n")
            #expect(reply.removing(hidden).lineCount == 1)
        }
        // A keyword that begins like a hidden one is another one.
        let others = try #require(try Reply("250-m\r\n250-SIZEX\r\n250-X-SIZE\r\n250 STARTTLS\r\n"))
        #expect(others.removing(hidden).string == "250-m\r\n250-SIZEX\r\n250 X-SIZE\r\n")
    }

    @Test("A reply that offers nothing keeps every line", arguments: ["500", "220", "421", "251", "550"])
    func removeFromOthers(_ code: String) throws {
        let hidden = Set(try ["SIZE", "STARTTLS"].map { try #require(Capability($0)) })
        let text = "\(code)-m\r\n\(code)-SIZE 10\r\n\(code) STARTTLS\r\n"
        let reply = try #require(try Reply(text))
        #expect(reply.removing(hidden) == reply)
    }

    @Test("A reply of fewer than four characters is not cut into", arguments: ["2\r\n", "25\r\n", "\r\n"])
    func shortReply(_ text: Text) {
        #expect(throws: ReplyError.noCode) { try Reply(text.string) }
    }

    /// `250 STARTTLS` and its CRLF take 14 bytes.
    @Test("A reply grows to 65,536 bytes and no further", arguments: [65_521, 65_522, 65_523, 65_536])
    func limit(_ length: Int) throws {
        let reply = try #require(try Reply(longReply(ofBytes: length)))
        if length + 14 <= Reply.limitBytes {
            let added = try reply.adding(.starttls)
            #expect(added.bytes.count == length + 14)
            #expect(try Reply(added.string) == added)
        } else {
            #expect(throws: ReplyError.replyTooLong) { try reply.adding(.starttls) }
        }
    }

    @Test("The longest reply can be edited where it does not grow")
    func limitUntouched() throws {
        let text = "250-m\r\n250-STARTTLS\r\n" + longReply(ofBytes: 65_536 - 21)
        let reply = try #require(try Reply(text))
        #expect(reply.bytes.count == Reply.limitBytes)
        #expect(try reply.adding(.starttls) == reply)
        #expect(reply.removing([.starttls]).bytes.count == Reply.limitBytes - 14)
    }

    @Test("A reply of the most lines possible is edited")
    func manyLines() throws {
        let text = "250-m\r\n" + repeated("250-\r\n", 10_000) + "250 x\r\n"
        let reply = try #require(try Reply(text))
        #expect(reply.lineCount == 10_002)
        #expect(try reply.adding(.starttls).removing([.starttls]) == reply)
    }

    @Test(
        "A keyword is letters, digits and dashes",
        arguments: [
            "STARTTLS", "8BITMIME", "X-EXPS", "a", "0", repeated("A", 64),
        ])
    func keyword(_ text: String) throws {
        #expect(try #require(Capability(text)).description == text.uppercased())
        #expect(Capability(text) == Capability(text.lowercased()))
    }

    @Test(
        "What is no keyword is refused",
        arguments: [
            "", "-X", "A B", "AUTH=LOGIN", "A\r\n", "Ä", "X_Y", "A\0", Text(repeated("A", 65)),
        ])
    func noKeyword(_ text: Text) {
        #expect(Capability(text.string) == nil)
    }
}
