import TLS
import TestSupport
import Testing

extension RelaySuites {
    /// However the bytes of a dialogue are cut into segments, they mean the same.
    @Suite struct SplitTests {
        @Test func theUpstreamsReplies() throws {
            try withRelay { relay in
                for cut in 1..<Dialogue.greeting.utf8.count {
                    let dialogue = try Dialogue(relay, upTo: .connected)
                    try relay.send(Dialogue.greeting, cut: cut, by: dialogue.upstream)
                    try dialogue.client.expect(Dialogue.greeting)
                }
                for cut in 1..<Dialogue.ehloReply.utf8.count {
                    let dialogue = try Dialogue(relay, upTo: .ehloSent)
                    try relay.send(Dialogue.ehloReply, cut: cut, by: dialogue.upstream)
                    try dialogue.client.expect(Dialogue.ehloReply)
                }
            }
        }

        @Test func theUpstreamsReplyInsideTLS() throws {
            try withRelay { relay in
                for cut in 1..<Dialogue.ehloReply.utf8.count {
                    let dialogue = try Dialogue(relay, upTo: .ehloSentAgain, .tls13)
                    try relay.send(Dialogue.ehloReply, cut: cut, by: dialogue.upstream)
                    try dialogue.client.expect(Dialogue.ehloReplyWithoutTLS)
                }
            }
        }

        @Test func theClientsCommands() throws {
            try withRelay { relay in
                for cut in 1..<Dialogue.ehlo.utf8.count {
                    let dialogue = try Dialogue(relay, upTo: .greeted)
                    try relay.send(Dialogue.ehlo, cut: cut, by: dialogue.client)
                    try dialogue.upstream.expect(Dialogue.ehlo)
                }
                for cut in 1..<"STARTTLS\r\n".utf8.count {
                    let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                    try relay.send("STARTTLS\r\n", cut: cut, by: dialogue.client)
                    try dialogue.client.expect(Dialogue.ready)
                }
                for cut in 1..<"RSET\r\n".utf8.count {
                    let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                    try relay.send("RSET\r\n", cut: cut, by: dialogue.client)
                    try dialogue.client.expect("250 2.0.0 Ok\r\n")
                }
                for cut in 1..<"MAIL FROM:<>\r\n".utf8.count {
                    let dialogue = try Dialogue(relay, upTo: .ehloAnswered)
                    try relay.send("MAIL FROM:<>\r\n", cut: cut, by: dialogue.client)
                    try dialogue.upstream.expect("MAIL FROM:<>\r\n")
                }
            }
        }

        @Test(arguments: [Security.tls12, .tls13]) func theClientsRecords(_ security: Security) throws {
            try withRelay { relay in
                let dialogue = try Dialogue(relay, upTo: .dataAnswered, security)
                var cut = 1
                while true {
                    let record = dialogue.client.sealed(Array("text".utf8))
                    guard cut < record.count else { break }
                    try dialogue.client.sendRaw(Array(record[..<cut]))
                    relay.settle()
                    #expect(dialogue.upstream.isQuiet)
                    try dialogue.client.sendRaw(Array(record[cut...]))
                    try dialogue.upstream.expect("text")
                    cut += 1
                }
            }
        }

        @Test(arguments: [Security.tls12, .tls13]) func theClientsHello(_ security: Security) throws {
            let length = try Peer.clientHello(.only(security.version ?? .tls13)).count
            try withRelay { relay in
                for cut in [1, 2, 4, 5, 6, 43, length / 2, length - 1] {
                    let dialogue = try Dialogue(relay, upTo: .readyForTLS, security)
                    try dialogue.client.secure(.only(security.version ?? .tls13)) { hello in
                        try dialogue.client.sendRaw(Array(hello[..<cut]))
                        relay.settle()
                        try dialogue.client.sendRaw(Array(hello[cut...]))
                    }
                    try dialogue.say(Dialogue.ehlo)
                }
            }
        }
    }
}

extension TestRelay {
    /// Sends `text` in two segments, the second one when the first has been read.
    func send(_ text: String, cut: Int, by peer: Peer) throws {
        let bytes = Array(text.utf8)
        try peer.send(Array(bytes[..<cut]))
        settle()
        try peer.send(Array(bytes[cut...]))
    }
}
