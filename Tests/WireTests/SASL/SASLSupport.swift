import Testing
import Wire

extension SASLServer.Step {
    /// What a test compares: the challenge as it goes out, the credentials in the clear, or the error.
    var shown: String {
        switch self {
        case .challenge(let text): "334 " + String(decoding: text, as: UTF8.self)
        case .credentials(let credentials): credentials.shown
        case .failed(let error): "\(error)"
        }
    }
}

extension Credentials {
    /// `MECHANISM user/as whom proof`, for tests alone.
    var shown: String {
        let names = [user, authorisationIdentity].map { String(decoding: $0, as: UTF8.self) }
        let proof: String
        switch self.proof {
        case .password(let secret): proof = "password " + secret.shown
        case .digest(let secret, let challenge):
            proof = "digest \(secret.shown) of " + String(decoding: challenge, as: UTF8.self)
        case .token(let secret): proof = "token " + secret.shown
        case .certificate: proof = "certificate"
        }
        return "\(mechanism) \(names[0])/\(names[1]) \(proof)"
    }
}

extension Secret {
    var shown: String { withBytes { span in String(decoding: span.indices.map { span[$0] }, as: UTF8.self) } }
}

func base64(_ text: String) -> String { base64(bytes(text)) }
func base64(_ bytes: [UInt8]) -> String { String(decoding: Base64.encoded(bytes.span), as: UTF8.self) }

extension SASLServer {
    mutating func begin(_ initialResponse: String?) -> Step {
        guard let initialResponse else { return begin(initialResponse: nil) }
        return begin(initialResponse: bytes(initialResponse).span)
    }
    mutating func next(_ line: String) -> Step { next(bytes(line).span) }

    /// The steps that a client's lines lead to, the first of which is its initial response.
    static func steps(_ mechanism: SASLMechanism, _ initial: String?, _ lines: [String] = []) -> [String] {
        var server = SASLServer(mechanism, challenge: bytes("<1896.697170952@postoffice.reston.mci.net>"))
        var steps = [server.begin(initial).shown]
        for line in lines { steps.append(server.next(line).shown) }
        return steps
    }
}

// A span is nothing that an expectation can hold.
func decoded(_ text: String) -> Secret? { Base64.decoded(bytes(text).span) }
func authCommand(_ line: [UInt8]) -> AuthCommand? { AuthCommand(line: line.span) }

extension Secret {
    func isSame(_ other: [UInt8]) -> Bool { isSame(as: other.span) }
}
