import Ring
import TLS
import Wire

extension SinkSession {
    /// How long a PROXY header may take.
    private static let headerLimit = Duration.seconds(5)

    /// Everything up to the greeting.
    func open() async throws(SinkStop) -> Next {
        stream.deadline = sink.nextDeadline
        let met = sink.meet(.connect)
        if let drop = met.drop { throw .drop(drop) }
        if sink.settings.readsProxyHeader { try await readProxyHeader() }
        if sink.settings.isTLSImplicit, let tls = sink.tls { try await secure(tls, takesUnread: true) }
        try await pause(sink.settings.faults.greetingDelay + met.delay)
        if let code = met.refusal {
            queue(Self.refusal(code))
            return .close
        }
        queue("220 sink.example \(sink.settings.isLMTP ? "LMTP" : "ESMTP") mailrace-bench")
        return .goOn
    }

    private func readProxyHeader() async throws(SinkStop) {
        stream.deadline = min(sink.nextDeadline, sink.ring.now + Self.headerLimit)
        while true {
            switch stream.withInput({ ProxyHeader.next(in: $0) }) {
            case .header(_, let length):
                stream.dropInput(length)
                stream.deadline = sink.nextDeadline
                sink.report.proxied += 1
                return
            case .malformed:
                sink.report.proxyFailures += 1
                throw .noSession
            case .incomplete:
                try await waitForInput()
            }
        }
    }

    /// RFC 3207. What was said before it is forgotten, and nothing may have been sent behind it.
    func startTLS(_ argument: [UInt8]) async throws(SinkStop) -> Next {
        guard argument.isEmpty else { return try await reply("501 5.5.4 STARTTLS takes no parameter") }
        guard let context = sink.tls, stream.layer == nil, stage == .greeted else { return try await wrongSequence() }
        if let next = try await fault(.starttls) { return next }
        _ = try await reply("220 2.0.0 Ready to start TLS")
        try await flush()
        guard stream.buffered == 0 else { return .close }
        try await secure(context, takesUnread: false)
        stage = .connected
        isAuthenticated = false
        return .goOn
    }

    private func secure(_ context: TLSServerContext, takesUnread: Bool) async throws(SinkStop) {
        let engine = TLSEngine(server: context)
        do throws(StreamError) {
            try await stream.secure(with: engine, takesUnread: takesUnread)
        } catch {
            sink.report.tlsFailures += 1
            throw .stream(error)
        }
        sink.report.tlsSessions += 1
        if engine.isResumed { sink.report.tlsResumed += 1 }
    }
}
