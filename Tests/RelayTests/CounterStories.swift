import Relay
import Ring
import Telemetry
import TestSupport
import Testing

/// For each counter what moves it, by how much, and what only nearly does.
enum CounterStories {
    typealias Pair = (moves: Story, by: UInt64, nearMiss: Story)

    static let all = ofDialogue.merging(ofUpstreams) { first, _ in first }.merging(ofLimits) { first, _ in first }
        .merging(ofTransactions) { first, _ in first }

    private static let ofDialogue: [Counter: Pair] = [
        .sessions: (Story { _ = try Dialogue($0, upTo: .connected) }, 1, refused),
        .sessionsUpstreamDesync: (
            upstreamSays("250 Hello\r\n", at: .greeted), 1, upstreamSays("421 4.4.2 Idle\r\n", at: .greeted)
        ),
        .sessionsDownstreamDesync: (
            clientSays(Dialogue.ehlo, at: .connected), 1, clientSays(Dialogue.ehlo, at: .greeted)
        ),
        .sessionsBadLine: (
            clientSays(line(ofBytes: 1025), at: .greeted), 1, clientSays(line(ofBytes: 1024), at: .greeted)
        ),
        .sessionsBadPipeline: (
            clientSays(Dialogue.ehlo + "QUIT\r\n", at: .greeted), 1,
            clientSays("MAIL FROM:<>\r\nQUIT\r\n", at: .ehloAnswered)
        ),
        .sessionsBadEhlo: (clientSays("MAIL FROM:<>\r\n", at: .greeted), 1, clientSays("NOOP\r\n", at: .greeted)),
        .sessionsNonEsmtp: (clientSays("HELO c\r\n", at: .greeted), 1, clientSays("EHLO c\r\n", at: .greeted)),
        .sessionsEsmtpUnencrypted: (
            clientSays("MAIL FROM:<>\r\n", at: .ehloAnswered), 1, clientSays("NOOP\r\n", at: .ehloAnswered)
        ),
        .sessionsDownstreamTerminatedSSL: (Story { _ = try Dialogue($0, upTo: .secured, .tls13) }, 1, failedHandshake),
        .sessionsDownstreamSSLErr: (
            failedHandshake, 1,
            Story { relay in
                let dialogue = try Dialogue(relay, upTo: .secured, .tls13)
                try dialogue.client.sendRaw(Array("no record\r\n".utf8))
                try dialogue.upstream.expectEnd()
            }
        ),
        .sessionsTLSRequired: (
            clientSays("MAIL FROM:<>\r\n", at: .ehloAnswered, Setup(.require)), 1,
            clientSays("QUIT\r\n", at: .ehloAnswered, Setup(.require))
        ),
        .sessionsUpstreamBadReply: (
            upstreamSays("22 hello\r\n", at: .connected), 1, upstreamSays("999 hello\r\n", at: .connected)
        ),
        .sessionsUpstreamEarlyClose: (upstreamCloses(at: .ehloAnswered), 1, upstreamCloses(at: .mailAnswered)),
        .sessionsUpstreamConnectFail: (
            Story(Setup { $0.use(unreachable(2)) }) { _ = try $0.client().readToEnd() }, 1,
            Story { _ = try Dialogue($0, upTo: .connected) }
        ),
        .sessionsUpstream421: (
            upstreamSays("421 4.3.2 Busy\r\n", at: .ehloSent), 1,
            Story { relay in
                try Dialogue(relay, upTo: .mailAnswered).answer("421 4.3.2 Busy\r\n")
            }
        ),
        .sessionsRefused: (
            refused, 1, Story(Setup { $0.limits.sessionsMax = 1 }) { _ = try Dialogue($0, upTo: .greeted) }
        ),
        .sessionsDrained: (
            Story { relay in
                let dialogue = try Dialogue(relay, upTo: .greeted)
                relay.beginDrain(deadline: .seconds(60))
                _ = try dialogue.client.readToEnd()
            }, 1,
            Story { relay in
                let dialogue = try Dialogue(relay, upTo: .mailAnswered)
                relay.beginDrain(deadline: .seconds(60))
                try dialogue.quit()
            }
        ),
        .sessionsCommandTimeout: (
            Story(waitingAt: .greeted) { $0.timeouts.command = $1 }, 1,
            Story(Setup { $0.timeouts.tlsHandshake = .milliseconds(200) }) { relay in
                _ = try Dialogue(relay, upTo: .readyForTLS, .tls13).client.readToEnd()
            }
        ),
        .sessionsIdleTimeout: (
            Story(waitingAt: .mailAnswered) { $0.timeouts.passthroughIdle = $1 }, 1,
            Story(waitingAt: .ehloAnswered) { $0.timeouts.command = $1 }
        ),
        .downstreamRxBytes: (
            aGreeting, UInt64(Dialogue.ehlo.utf8.count), upstreamSays("220 Hello\r\n", at: .connected)
        ),
        .downstreamTxBytes: (
            aGreeting, UInt64(Dialogue.greeting.utf8.count), clientSays(Dialogue.ehlo, at: .connected)
        ),
        .upstreamRxBytes: (aGreeting, UInt64(Dialogue.greeting.utf8.count), clientSays(Dialogue.ehlo, at: .connected)),
        .upstreamTxBytes: (aGreeting, UInt64(Dialogue.ehlo.utf8.count), clientSays("NOOP\r\n", at: .greeted)),
    ]

    // MARK: Stories told more than once

    static let refused = Story(Setup { $0.limits.sessionsMax = 0 }) { relay in
        let client = try relay.client()
        let line = try client.line()
        #expect(line == "421 4.3.2 Too many sessions, try again later")
        try client.expectEnd()
    }

    private static let failedHandshake = Story { relay in
        let dialogue = try Dialogue(relay, upTo: .readyForTLS, .tls13)
        try dialogue.client.send("MAIL FROM:<>\r\n")
        _ = try dialogue.client.readToEnd()
    }

    private static let aGreeting = Story { relay in
        let dialogue = try Dialogue(relay, upTo: .ehloSent)
        dialogue.client.close()
        try dialogue.upstream.expectEnd()
    }

    static func clientSays(_ text: String, at point: Point, _ setup: Setup = Setup()) -> Story {
        Story(setup) { relay in
            let dialogue = try Dialogue(relay, upTo: point)
            try dialogue.client.send(text)
            relay.settle()
        }
    }

    static func upstreamSays(_ text: String, at point: Point) -> Story {
        Story { relay in
            let dialogue = try Dialogue(relay, upTo: point)
            try dialogue.upstream.send(text)
            relay.settle()
        }
    }

    private static func upstreamCloses(at point: Point) -> Story {
        Story { relay in
            let dialogue = try Dialogue(relay, upTo: point)
            dialogue.upstream.close()
            _ = try dialogue.client.readToEnd()
        }
    }

    static func unreachable(_ count: Int) -> [SocketAddress] {
        (0..<count).compactMap { _ in try? LoopbackServer.closedAddress() }
    }

    private static func line(ofBytes count: Int) -> String {
        "NOOP " + String(repeating: "x", count: count - 7) + "\r\n"
    }
}
