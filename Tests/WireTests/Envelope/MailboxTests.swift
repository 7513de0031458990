import Testing
import Wire

/// Paths as MAIL has them, whose grammar RCPT shares.
@Suite struct MailboxTests {
    struct Path: Sendable, CustomTestStringConvertible {
        let text: String
        /// The address without brackets and route; nil where the strict syntax takes none, and the lenient one.
        var strict: String?
        var lenient: String?
        var testDescription: String { visible(text) }

        static func both(_ text: String, _ address: String) -> Path {
            Path(text: text, strict: address, lenient: address)
        }
        static func lenient(_ text: String, _ address: String) -> Path { Path(text: text, lenient: address) }
        static func none(_ text: String) -> Path { Path(text: text) }
    }

    private static let label = repeated("a", 63)

    static let paths: [Path] = [
        .both("<>", ""), .both("<a@b>", "a@b"), .both("<User.Name+tag@Example.COM>", "User.Name+tag@Example.COM"),
        .both("<!#$%&'*+-/=?^_`{|}~@b>", "!#$%&'*+-/=?^_`{|}~@b"),
        .both("<\"a b\"@c>", "\"a b\"@c"), .both("<\"a\\\"@\\\\b>\"@c>", "\"a\\\"@\\\\b>\"@c"),
        .both("<\"\"@c>", "\"\"@c"),
        .both("<a@[192.0.2.1]>", "a@[192.0.2.1]"), .both("<a@[IPv6:2001:db8::1]>", "a@[IPv6:2001:db8::1]"),
        .both("<a@[ipv6:::]>", "a@[ipv6:::]"), .both("<a@[tag:x-y]>", "a@[tag:x-y]"),
        .both("<@one,@two.example:a@b>", "a@b"), .both("<@[192.0.2.1]:a@b>", "a@b"),
        .both("<postmaster>", "postmaster"), .both("<PostMaster>", "PostMaster"),
        .both("<a@\(label).\(label).\(label).b>", "a@\(label).\(label).\(label).b"),
        .both("<\(repeated("x", 64))@b>", "\(repeated("x", 64))@b"),
        .lenient("a@b", "a@b"), .lenient(" <a@b>", "a@b"), .lenient(" \t <>", ""), .lenient("a", "a"),
        .lenient("<root>", "root"), .lenient("<a..b@c>", "a..b@c"), .lenient("<.a.@c>", ".a.@c"),
        .lenient("<a@my_host>", "a@my_host"), .lenient("<a@-b->", "a@-b-"), .lenient("<a@b.>", "a@b."),
        .lenient("<\(repeated("x", 65))@b>", "\(repeated("x", 65))@b"), .lenient("\"a b\"@c", "\"a b\"@c"),
        .lenient("<\(repeated("x", 1_022))@b>", "\(repeated("x", 1_022))@b"),
        .none("<\(repeated("x", 1_023))@b>"),
        .none(""), .none(" "), .none("<"), .none(">"), .none("<<a@b>>"), .none("<a@b"), .none("a@b>"), .none("<a@b>x"),
        .none("< a@b>"), .none("<a@b >"), .none("<a b@c>"), .none("<a@b c>"), .none("<a@>"), .none("<@b>"),
        .none("<@>"),
        .none("<a@b@c>"), .none("<\"a@b>"), .none("<\"a\"b@c>"), .none("<\"a\\"), .none("<\"a\\\u{7f}\"@b>"),
        .none("<a\u{1}@b>"), .none("<a@b..c>"), .none("<a@.b>"), .none("<a@..>"), .none("<a@.>"),
        .none("<a@\(label)a>"), .none("<a@\(label).\(label).\(label).\(label).b>"),
        .none("<a@[192.0.2.256]>"), .none("<a@[192.0.2.1>"), .none("<a@192.0.2.1]>"), .none("<a@[]>"),
        .none("<a@[:x]>"),
        .none("<a@[IPv6:1]>"), .none("<a@[IPv6:]>"), .none("<a@[tag-:x]>"), .none("<a@[x y:z]>"), .none("<a@[t:a[b]>"),
        .none("<@one:>"), .none("<@one,two:a@b>"), .none("<@one a@b>"), .none("<@one:@two:a@b>"), .none("<a@[t:<x]>"),
        .none("<a@[t:x>]>"), .none("<a@[t:x@y]>"), .none("<a@[t:\"x]>"), .none("<a(b)@c>"),
        .none("<a,b@c>"), .none("<a:b@c>"),
    ]

    @Test(arguments: paths) func readsPaths(_ path: Path) {
        #expect(address(path.text, .strict) == path.strict)
        #expect(address(path.text, .lenient) == path.lenient)
        // RCPT shares the grammar, but takes no null path.
        let recipient = try? RcptCommand(argument: bytes("TO:" + path.text), syntax: .lenient, usesSMTPUTF8: false)
        let isMeant = path.lenient?.isEmpty == false
        #expect(recipient?.recipient.address == (isMeant ? path.lenient.map(bytes) : nil))
    }

    /// A path that is cut anywhere is another one, or none: nothing behind its end is read.
    @Test(arguments: paths) func endsWhereItEnds(_ path: Path) {
        for cut in 0...path.text.utf8.count {
            let text = String(decoding: bytes(path.text).prefix(cut), as: UTF8.self)
            for syntax in EnvelopeSyntax.allCases {
                guard let address = address(text, syntax) else { continue }
                #expect(text.contains(address))
            }
        }
    }

    private func address(_ path: String, _ syntax: EnvelopeSyntax) -> String? {
        guard let command = try? MailCommand(argument: bytes("FROM:" + path), syntax: syntax) else { return nil }
        return String(decoding: command.sender?.address ?? [], as: UTF8.self)
    }

    @Test(arguments: EnvelopeSyntax.allCases) func nonASCIINeedsItsParameter(_ syntax: EnvelopeSyntax) throws {
        for path in ["<grå@example>", "<a@exämple>", "<\"grå\"@example>"] {
            #expect(throws: EnvelopeCommandError.needsSMTPUTF8) {
                try MailCommand(argument: bytes("FROM:\(path)"), syntax: syntax)
            }
            let command = try MailCommand(argument: bytes("FROM:\(path) SMTPUTF8"), syntax: syntax)
            #expect(command.usesSMTPUTF8 && command.sender?.isASCII == false)
            #expect(throws: EnvelopeCommandError.needsSMTPUTF8) {
                try RcptCommand(argument: bytes("TO:\(path)"), syntax: syntax, usesSMTPUTF8: false)
            }
            let recipient = try RcptCommand(argument: bytes("TO:\(path)"), syntax: syntax, usesSMTPUTF8: true)
            #expect(!recipient.recipient.isASCII)
        }
        for broken in [[0xC3], [0x80], [0xED, 0xA0, 0x80], [0xFF]] as [[UInt8]] {
            #expect(throws: EnvelopeCommandError.badSender) {
                try MailCommand(argument: bytes("FROM:<a") + broken + bytes("@b> SMTPUTF8"), syntax: syntax)
            }
        }
    }

    @Test func aPostmasterIsKnownWithoutADomain() throws {
        for (path, isPostmaster) in [("<postmaster>", true), ("<POSTMASTER>", true), ("<postmaster@b>", false)] {
            let command = try RcptCommand(argument: bytes("TO:\(path)"), syntax: .strict, usesSMTPUTF8: false)
            #expect(command.recipient.isPostmaster == isPostmaster)
        }
    }
}
