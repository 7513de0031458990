extension SessionRecord {
    /// What the line says, in its order; the same in text and JSON. Names are part of the interface.
    var fields: [LogField] {
        [
            LogField("session", .text(id.description)),
            LogField("shard", .number(Int64(id.shard))),
            LogField("listener", .text(listener)),
            LogField("start", .text(start.description)),
            LogField("duration_ms", .number(durationMilliseconds)),
            LogField("client", .text(client)),
            LogField("proxy", LogField.Value(proxy)),
            LogField("upstream", LogField.Value(upstream)),
            LogField("greeting", LogField.Value(greeting?.rawValue)),
            LogField("name", LogField.Value(greetingName)),
            LogField("login", LogField.Value(login)),
            LogField("decision", LogField.Value(decision)),
            LogField("tls", LogField.Value(tls?.version)),
            LogField("cipher", LogField.Value(tls?.cipher)),
            LogField("resumed", tls.map { .flag($0.resumed) } ?? .none),
            LogField("tls_failure", LogField.Value(tlsFailure)),
            LogField("client_certificate", LogField.Value(clientCertificate)),
            LogField("upstream_tls", LogField.Value(upstreamTLS?.version)),
            LogField("upstream_cipher", LogField.Value(upstreamTLS?.cipher)),
            LogField("upstream_tls_failure", LogField.Value(upstreamTLSFailure)),
            LogField("bytes_up", .number(Int64(clamping: bytesUpstream))),
            LogField("bytes_down", .number(Int64(clamping: bytesDownstream))),
            LogField("phase", .text(phase.rawValue)),
            LogField("end", .text(end.rawValue)),
            LogField("ended_by", .text(endedBy.rawValue)),
        ]
    }
}
