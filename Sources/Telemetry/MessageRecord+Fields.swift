extension MessageRecord {
    /// What the line says, in its order; the same in text and JSON. Names are part of the interface, and those that the
    /// session's line has as well mean the same in both.
    var fields: [LogField] {
        [
            LogField("session", .text(session.description)),
            LogField("transaction", .number(Int64(transaction))),
            LogField("listener", .text(listener)),
            LogField("start", .text(start.description)),
            LogField("total_ms", .number(totalMilliseconds)),
            LogField("client", .text(client)),
            LogField("login", LogField.Value(login)),
            LogField("sender", .text(sender)),
            LogField("recipients", recipients.isEmpty ? .none : .list(recipients)),
            LogField("recipients_accepted", .number(Int64(recipientsAccepted))),
            LogField("recipients_refused", .number(Int64(recipientsRefused))),
            LogField("size", LogField.Value(messageBytes.map { Int64(clamping: $0) })),
            LogField("chunked", .flag(isChunked)),
            LogField("source", LogField.Value(source)),
            LogField("route", LogField.Value(route)),
            LogField("upstream", LogField.Value(upstream)),
            LogField("upstream_tls", LogField.Value(upstreamTLS?.version)),
            LogField("upstream_cipher", LogField.Value(upstreamTLS?.cipher)),
            LogField("reused", .flag(isReused)),
            LogField("outcome", .text(outcome.rawValue)),
            LogField("code", LogField.Value(reply.map { Int64($0.code) })),
            LogField("reply", LogField.Value(reply?.text)),
            LogField("origin", LogField.Value(reply?.origin.rawValue)),
            LogField("fault", LogField.Value(fault?.rawValue)),
            LogField("route_ms", LogField.Value(phases.routeMilliseconds)),
            LogField("connect_ms", LogField.Value(phases.connectMilliseconds)),
            LogField("envelope_ms", LogField.Value(phases.envelopeMilliseconds)),
            LogField("data_ms", LogField.Value(phases.dataMilliseconds)),
            LogField("final_ms", LogField.Value(phases.finalReplyMilliseconds)),
        ]
    }
}
