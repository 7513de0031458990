// What holds where each message goes its own way.
extension Settings.Listener {
    /// What is bound to an upstream: a whole session, or each message of it.
    public enum Relaying: String, Sendable, CaseIterable {
        /// The session is opaque from its first recipient on.
        case session
        /// Mailrace stays in the protocol, and looks at each message as it passes.
        case transaction
    }

    /// What becomes of a recipient that goes elsewhere than the first of a message.
    public enum MultiRoute: String, Sendable, CaseIterable {
        /// It is put off, so that the client sends it a message of its own.
        case `defer`
        /// It goes where the first goes.
        case first
    }

    /// What becomes of a message with a bare CR, a bare LF or a NUL.
    public enum BareNewline: String, Sendable, CaseIterable {
        case reject, normalise
    }

    static let transactions: [Field<Self>] = [
        .value(
            "relaying", \.relayingAsWritten, .optionalChoice(none: "auto"),
            "At envelope depth, what is bound to an upstream: the session, or each message; auto is transaction where"
                + " there are routes or the upstream speaks LMTP, else session"),
        .value(
            "multi_route", \.multiRoute, .choice(),
            "Where messages are relayed one by one, what becomes of a recipient that goes elsewhere than the first of"
                + " its message: it is put off, or goes where that one goes"),
        .value(
            "max_message_size", \.maxMessageSize, .size(0...(1 << 40)),
            "Where messages are relayed one by one, the largest of them; 0 is no limit"),
        .value(
            "max_recipients", \.maxRecipients, .integer(1...100_000),
            "Where messages are relayed one by one, recipients of one message; further ones are put off"),
        .value(
            "max_line_length", \.maxLineLength, .size(1_000...(16 << 20)),
            "Where messages are relayed one by one, the longest line of a message"),
        .value(
            "bare_newline", \.bareNewline, .choice(),
            "Where messages are relayed one by one, what becomes of one with a bare CR, a bare LF or a NUL: it is"
                + " refused, or made good"),
        .value(
            "recipient_delimiter", \.recipientDelimiter, .delimiter,
            "The character behind which the detail of a recipient begins, for the maps; empty is none"),
        .value(
            "relay_denied_code", \.relayDeniedCode, .integer(550...554),
            "With which code a recipient is refused that no route takes"),
    ]
}

extension Settings {
    /// What is bound to an upstream at a listener.
    public func relaying(of listener: Listener) -> Listener.Relaying {
        guard listener.depth == .envelope else { return .session }
        if let written = listener.relayingAsWritten { return written }
        let speaksLMTP = upstream(named: listener.upstream)?.transferProtocol == .lmtp
        return speaksLMTP || !listener.routes.isEmpty ? .transaction : .session
    }

    /// The upstreams that a listener's own keys lead to, each once: its upstream, those of its routes, and those whose
    /// settings hold for what its maps name.
    public func upstreams(of listener: Listener) -> [Upstream] {
        var names = listener.upstream.isEmpty ? [] : [listener.upstream]
        for route in listener.routes {
            names += [route.upstream, route.map.flatMap { map(named: $0)?.upstreamSettings }].compactMap { $0 }
        }
        return upstreams.filter { names.contains($0.name) }
    }
}

extension Kind where Value == String {
    /// One of the signs that an unquoted local part may have (RFC 5322 section 3.2.3), or none.
    static var delimiter: Kind {
        let signs = "!#$%&'*+-/=?^_`{|}~"
        return .string("a character of \(signs), or \"\"") { text in
            let isOne = text.utf8.count == 1 && text.utf8.allSatisfy { signs.utf8.contains($0) }
            return text.isEmpty || isOne
                ? .value(text) : .refused("\(Quoting.shown(text)) is no delimiter; expected one character of \(signs)")
        } format: {
            $0
        }
    }
}
