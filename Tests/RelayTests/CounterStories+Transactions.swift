import Relay
import Ring
import Telemetry
import TestSupport
import Testing

/// Where each transaction goes its own way.
extension CounterStories {
    static let ofTransactions: [Counter: Pair] = [
        .ambiguousTotal: (
            finalReply { $0.close() }, 1, finalReply { try $0.send("421 4.3.2 closing\r\n") }
        ),
        .multiRouteDeferred: (secondRecipient("b@example.com"), 1, secondRecipient("2@example.com")),
        .recipientsAccepted: (recipient("250 2.1.5 recipient"), 1, recipient("550 5.1.1 nobody")),
        .messageBytesAccepted: (message("250 ok"), UInt64(Said.body.utf8.count), message("550 5.7.1 no")),
    ]

    private static func recipient(_ reply: String) -> Story {
        Story(.transactions()) { relay in
            let client = try relay.introducedClient()
            try client.ask(Said.mail, "250 2.1.0 Ok")
            try client.send(Said.rcpt + "\r\n")
            let upstream = try relay.introducedUpstream()
            try upstream.answer(Said.mail, "250 2.1.0 sender")
            try upstream.answer(Said.rcpt, reply)
            try client.expect("\(reply)\r\n")
        }
    }

    private static func message(_ reply: String) -> Story {
        Story(.transactions()) { relay in
            let (client, upstream) = try relay.data()
            try client.send(Said.body + Said.end)
            try upstream.expect(Said.body + Said.end)
            try upstream.send("\(reply)\r\n")
            try client.expect("\(reply)\r\n")
        }
    }

    private static func finalReply(_ answer: @escaping @Sendable (Peer) throws -> Void) -> Story {
        Story(.transactions()) { relay in
            let (client, upstream) = try relay.data()
            try client.send(Said.body + Said.end)
            try upstream.expect(Said.body + Said.end)
            try answer(upstream)
            #expect(try client.line().hasPrefix("451 4.4."))
        }
    }

    /// Addresses with a digit go to the upstream's own server, others nowhere that is there.
    private static func secondRecipient(_ address: String) -> Story {
        Story(.transactions { $0.route(to: unreachable(2)) }) { relay in
            let (client, upstream) = try relay.transaction(rcpt: "RCPT TO:<1@example.com>")
            try client.send("RCPT TO:<\(address)>\r\n")
            guard address.first != "2" else { return try upstream.expect("RCPT TO:<\(address)>\r\n") }
            try client.expectReply("452 4.5.3 Recipient goes elsewhere, send it a message of its own")
        }
    }
}
