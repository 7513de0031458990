import Ring
import Telemetry
import Wire

// What is said up to the hand-off, for `log.transcript`. Without one each of these is a branch and nothing more.
extension Session {
    /// Writes down what one side says: the client of the dialogue a line, of which the first is taken; the server a
    /// whole reply.
    @inline(__always)
    func transcribe(with peer: Transcript.Peer, _ speaker: Transcript.Speaker, _ bytes: [UInt8]) {
        if let transcript = context.transcript { note(bytes, by: speaker, with: peer, in: transcript) }
    }

    /// Writes down a line of the client that is still unread and may hold a password: what is shown of it, or all where
    /// all may be shown.
    func transcribeSecret(_ length: Int, as shown: String) {
        guard let transcript = context.transcript else { return }
        guard transcript.showsCredentials else {
            return transcript.note(record.id, with: .client, .client, Array(shown.utf8))
        }
        var line: [UInt8] = []
        client.withInput { input in for index in 0..<length { line.append(input[index]) } }
        transcript.note(record.id, with: .client, .client, line)
        line.wipe()
    }

    /// Writes down what happens between lines.
    @inline(__always)
    func transcribe(with peer: Transcript.Peer, _ event: @autoclosure () -> String) {
        if let transcript = context.transcript { note(Array(event().utf8), by: .event, with: peer, in: transcript) }
    }

    @inline(never)
    private func note(
        _ bytes: [UInt8], by speaker: Transcript.Speaker, with peer: Transcript.Peer, in transcript: Transcript
    ) {
        guard speaker == .client, !bytes.isEmpty else {
            return transcript.note(record.id, with: peer, speaker, bytes)
        }
        // Even where all may be shown: what is pipelined behind the line is not the dialogue's any more.
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") } + [UInt8(ascii: "\n")]
        transcript.note(
            record.id, with: peer, .client,
            transcript.showsCredentials ? Array(line) : credentials.shown(Array(line)) + [UInt8(ascii: "\n")])
    }
}

extension SessionRecord.TLSFacts {
    var transcribed: String { "\(version) \(cipher)\(resumed ? " resumed" : "")" }
}
