import CLinux
import Wire

/// Who the client says it is: AUTH (RFC 4954), XCLIENT (Postfix).
extension SinkSession {
    static let xclientAttributes = [
        "NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT", "REVERSE_NAME",
    ]

    func authenticate(_ argument: [UInt8]) async throws(SinkStop) -> Next {
        guard stage == .greeted, !isAuthenticated else { return try await wrongSequence() }
        if let next = try await fault(.auth) { return next }
        let words = argument.split(separator: UInt8(ascii: " ")).map { Array($0) }
        let initial = words.count > 1 ? words[1] : nil
        switch words.first.map({ String(decoding: $0, as: UTF8.self).uppercased() }) {
        case "PLAIN":
            guard let message = Base64.decoded(try await response(initial, to: "")) else {
                return try await notBase64()
            }
            let parts = message.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
            return try await letIn(parts.count == 3 ? parts[1] : nil) { $0 == parts[2] }
        case "LOGIN":
            // `Username:` and `Password:`, which some clients wait for.
            guard let user = Base64.decoded(try await response(initial, to: "VXNlcm5hbWU6")),
                let password = Base64.decoded(try await response(nil, to: "UGFzc3dvcmQ6"))
            else { return try await notBase64() }
            return try await letIn(user) { $0 == password }
        case "CRAM-MD5":
            // The server speaks first: nothing follows the name.
            guard initial == nil else { return try await reply("501 5.5.4 Nothing to answer yet") }
            let challenge = Array("<\(linux_realtime_ns())@sink.example>".utf8)
            guard let message = Base64.decoded(try await response(nil, to: Base64.encoded(challenge))) else {
                return try await notBase64()
            }
            let parts = message.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            let digest = String(decoding: parts.last ?? [], as: UTF8.self)
            let user = Array(parts.dropLast().joined(separator: [UInt8(ascii: " ")]))
            return try await letIn(parts.count > 1 ? user : nil) {
                digest == CramMD5.digest(of: challenge, password: $0)
            }
        default: return try await reply("504 5.5.4 Mechanism not known")
        }
    }

    /// What the client has sent with the command, or sends when it is asked.
    private func response(_ initial: [UInt8]?, to challenge: String) async throws(SinkStop) -> [UInt8] {
        if let initial { return initial == [UInt8(ascii: "=")] ? [] : initial }
        _ = try await reply("334 \(challenge)")
        return try await readLine { line in
            let length = max(0, line.count - 2)
            return [UInt8](unsafeUninitializedCapacity: length) { room, count in
                for index in 0..<length { room.initializeElement(at: index, to: line[index]) }
                count = length
            }
        }
    }

    private func notBase64() async throws(SinkStop) -> Next {
        try await reply("501 5.5.2 Authentication is given up, or is not in Base64")
    }

    /// - Parameters:
    ///   - user: who it is; nil: what came is no answer.
    ///   - knows: whether what came shows the password to be known.
    private func letIn(_ user: [UInt8]?, knows: (_ password: [UInt8]) -> Bool) async throws(SinkStop) -> Next {
        let settings = sink.settings
        guard let user, settings.user.map({ Array($0.utf8) == user }) ?? true,
            settings.password.map({ knows(Array($0.utf8)) }) ?? true
        else {
            sink.report.authenticationsRefused += 1
            return try await reply("535 5.7.8 Not let in")
        }
        isAuthenticated = true
        sink.report.authentications += 1
        return try await reply("235 2.7.0 Let in")
    }

    /// The session is as it was at the greeting, for the client that is told of.
    func xclient(_ argument: [UInt8]) async throws(SinkStop) -> Next {
        guard stage == .connected || stage == .greeted else { return try await wrongSequence() }
        let attributes = argument.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        let areKnown = attributes.allSatisfy { attribute in
            guard let equals = attribute.firstIndex(of: "=") else { return false }
            return Self.xclientAttributes.contains(attribute[..<equals].uppercased())
        }
        guard !attributes.isEmpty, areKnown else { return try await reply("501 5.5.4 Attribute not known") }
        sink.report.xclients += 1
        stage = .connected
        return try await reply("220 sink.example ESMTP mailrace-bench")
    }
}
