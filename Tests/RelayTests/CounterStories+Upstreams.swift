import Relay
import Ring
import TLS
import Telemetry
import TestSupport
import Testing

/// What upstreams do about TLS, and where there is no server for a session.
extension CounterStories {
    static let ofUpstreams: [Counter: Pair] = [
        .sessionsUpstreamTerminatedSSL: (
            upstreamTLS(.required) { dialogue in
                try dialogue.upstream.send(Dialogue.ready)
                try dialogue.upstream.secureAsServer(try TLSServerContext(.test))
                try dialogue.upstream.expect(Dialogue.ehlo)
                try dialogue.answer(Dialogue.ehloReplyWithoutTLS)
            }, 1, refusedCommand
        ),
        .sessionsUpstreamSSLErr: (
            upstreamTLS(.required) { dialogue in
                try dialogue.upstream.send(Dialogue.ready)
                _ = try dialogue.upstream.read(atLeast: 1)
                try dialogue.upstream.send("this is no TLS\r\n")
                #expect(try dialogue.client.line().hasPrefix("421 4.7.5 "))
            }, 1,
            upstreamTLS(.opportunistic) { dialogue in
                try dialogue.upstream.send(Dialogue.ready)
                _ = try dialogue.upstream.read(atLeast: 1)
                try dialogue.upstream.send("this is no TLS\r\n")
                let again = try dialogue.relay.upstream()
                try again.send(Dialogue.greeting)
                try again.expect(Dialogue.ehlo)
                try again.send(Dialogue.ehloReply)
                try dialogue.client.expect(Dialogue.ehloReplyWithoutTLS)
            }
        ),
        .sessionsUpstreamSSLCommandErr: (
            refusedCommand, 1,
            upstreamTLS(.required) { dialogue in
                try dialogue.upstream.send(Dialogue.ready)
                try dialogue.upstream.secureAsServer(try TLSServerContext(.test))
                try dialogue.upstream.expect(Dialogue.ehlo)
            }
        ),
        .sessionsUpstreamSSLNotOffered: (
            Story(setup(.opportunistic)) { relay in
                let dialogue = try Dialogue(relay, upTo: .ehloSent)
                try dialogue.answer(Dialogue.ehloReplyWithoutTLS)
            }, 1, refusedCommand
        ),
        .sessionsUpstreamFull: (busyServer(connectionsMax: 1), 1, busyServer(connectionsMax: 2)),
        .sessionsUpstreamRefused: (
            Story(Setup { $0.listener.dial = .afterTLS }) { relay in
                let client = try relay.client()
                _ = try client.line()
                try client.send("HELO client.example\r\n")
                _ = try client.line()
                try client.send("MAIL FROM:<>\r\n")
                try relay.upstream().send("554 5.7.1 Not you\r\n")
                #expect(try client.line().hasPrefix("421 "))
            }, 1, upstreamSays("554 5.7.1 Not you\r\n", at: .connected)
        ),
        .downstreamCxNoRoute: (
            Story(Setup { $0.use(unreachable(2)) }) { _ = try $0.client().readToEnd() }, 1,
            upstreamSays("554 5.7.1 Not you\r\n", at: .connected)
        ),
    ]

    private static func setup(_ policy: UpstreamSettings.TLSPolicy) -> Setup {
        Setup(.off) { setup in
            setup.upstream.tls = policy
            setup.upstream.tlsClient = TLSClientConfiguration(authorities: .none)
        }
    }

    /// From the upstream's having been told STARTTLS on.
    private static func upstreamTLS(
        _ policy: UpstreamSettings.TLSPolicy, _ tell: @escaping @Sendable (Dialogue) throws -> Void
    ) -> Story {
        Story(setup(policy)) { relay in
            let dialogue = try Dialogue(relay, upTo: .ehloSent)
            try dialogue.upstream.send(Dialogue.ehloReply)
            try dialogue.upstream.expect("STARTTLS\r\n")
            try tell(dialogue)
        }
    }

    private static let refusedCommand = upstreamTLS(.opportunistic) { dialogue in
        try dialogue.upstream.send("454 4.7.0 Not now\r\n")
        try dialogue.client.expect(Dialogue.ehloReplyWithoutTLS)
    }

    /// Two clients of a server that may have so many connections.
    private static func busyServer(connectionsMax: Int) -> Story {
        Story(
            Setup { setup in
                setup.upstream.connectionsMax = connectionsMax
                setup.upstream.waitTimeout = .milliseconds(200)
            }
        ) { relay in
            _ = try Dialogue(relay, upTo: .greeted)
            let second = try relay.client()
            guard connectionsMax == 1 else { return try relay.upstream().close() }
            #expect(try second.line().hasPrefix("421 4.3.2 "))
        }
    }
}
