extension Stream {
    /// Puts `layer` between this stream and its user, in place, and carries out the handshake.
    ///
    /// The caller has made sure that nothing unread is left: plaintext behind the switch must never be taken for
    /// protected data.
    ///
    /// - Parameter takesUnread: what is unread belongs to the layer: it came before anything of this stream was
    ///   plaintext.
    /// - Throws: `timedOut` where the stream's deadline passes, `ended` or `reset` where the peer goes away,
    ///   `insecure` where the handshake fails (the layer's alert has been sent then).
    public func secure(with layer: any RecordLayer, takesUnread: Bool = false) async throws(StreamError) {
        precondition(self.layer == nil && (inbound.isEmpty || takesUnread) && outbound.isEmpty)
        let unread = inbound.take(inbound.count)
        bytesReceived -= UInt64(unread.count)
        self.layer = layer
        take(UnsafeRawBufferPointer(start: nil, count: 0))
        if !unread.isEmpty { unread.withUnsafeBytes { take($0) } }
        try await flush()
        while !layer.isEstablished {
            if let inputEnd { throw inputEnd }
            try await waitForRecords(layer)
        }
        try await flush()
    }

    /// One receive, whether or not it brought plaintext, and what the layer answers to it.
    private func waitForRecords(_ layer: any RecordLayer) async throws(StreamError) {
        if deadlineHasPassed { throw .timedOut }
        await withUnsafeContinuation { continuation in
            let goesOn = inputEnd == nil && records.isEmpty && !layer.isEstablished && !deadlineHasPassed
            guard goesOn else { return continuation.resume() }
            reader = continuation
            armReceive()
        }
        try await flush()
    }
}
