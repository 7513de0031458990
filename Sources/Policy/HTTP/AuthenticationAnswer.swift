package import Lookup
import Ring
import Wire

/// What an answer in nginx's `auth_http` protocol means. Of a field that comes more than once the last one counts, but
/// any `Auth-Status` that says no is a no.
package enum AuthenticationAnswer {
    case decided(AuthenticationOutcome)
    /// The same is to be asked again after so long.
    case wait(Duration)

    package init(_ answer: HTTPAnswer, to attempt: AuthenticationAttempt, needsServer: Bool) {
        let statuses = answer.values(of: "Auth-Status")
        let wait = answer.lastValue(of: "Auth-Wait").flatMap(Self.seconds)
        if let text = statuses.last(where: { $0 != Self.ok && $0 != Self.wait }) {
            self = .decided(.refused(Self.refusal(text, answer, delay: wait)))
        } else if statuses.contains(Self.wait) {
            self = .wait(.seconds(wait ?? 0))
        } else {
            do throws(Failure) {
                let server = try Self.server(answer, needsServer: needsServer || statuses.isEmpty)
                self = .decided(.accepted(try Self.acceptance(answer, attempt, server)))
            } catch {
                self = .decided(.unavailable(attempt.unavailableReply, because: error.text))
            }
        }
    }

    private static let ok = Array("OK".utf8)
    private static let wait = Array("WAIT".utf8)

    private struct Failure: Error {
        let text: String
    }

    /// Digits only, and not too many of them.
    private static func seconds(_ bytes: [UInt8]) -> Int? {
        guard (1...9).contains(bytes.count), bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(String(decoding: bytes, as: UTF8.self))
    }

    // MARK: No

    /// - Parameter delay: seconds. Without it the session ends with the reply.
    private static func refusal(_ text: [UInt8], _ answer: HTTPAnswer, delay: Int?) -> Refusal {
        let code = answer.lastValue(of: "Auth-Error-Code").flatMap(ErrorCode.init) ?? ErrorCode.standard
        var refusal = Refusal(reply: code.reply(String(decoding: text, as: UTF8.self)))
        refusal.delay = min(.seconds(delay ?? 0), HTTPAuthenticator.waitLimit)
        // A 421 says that the connection ends (RFC 5321 section 3.8).
        refusal.closes = (delay ?? 0) == 0 || refusal.reply.code == 421
        refusal.errorDocument = answer.lastValue(of: "Auth-Error-SASL").flatMap { text in
            Base64.decoded(text.span).map { document in document.withBytes { bytes in bytes.indices.map { bytes[$0] } }
            }
        }
        return refusal
    }

    /// `550`, `550 5.1.1`, or either with words behind it.
    private struct ErrorCode {
        private let code: Int
        private let status: EnhancedStatus
        private let words: String

        /// nginx's own.
        static let standard = ErrorCode(Array("535 5.7.0".utf8))!

        /// Nil where it is no refusal: a client must not be told yes, whatever the server means.
        init?(_ bytes: [UInt8]) {
            var parts = bytes.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
            guard let first = parts.first, first.utf8.count == 3, let code = Int(first), (400...599).contains(code)
            else { return nil }
            parts.removeFirst()
            let digits = code / 100
            self.code = code
            if let status = parts.first.flatMap(Self.status), status.classDigit == digits {
                self.status = status
                parts.removeFirst()
            } else {
                guard let status = EnhancedStatus(digits, 7, 0) else { return nil }
                self.status = status
            }
            words = parts.joined(separator: " ")
        }

        private static func status(_ text: String) -> EnhancedStatus? {
            let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
            guard numbers.count == 3, let digit = numbers[0], let subject = numbers[1], let detail = numbers[2] else {
                return nil
            }
            return EnhancedStatus(digit, subject, detail)
        }

        func reply(_ text: String) -> LocalReply {
            let text = words.isEmpty ? text : text.isEmpty ? words : words + " " + text
            guard let reply = LocalReply(code: code, status: status, text: text) else {
                preconditionFailure("the class of a refusal is its first digit")
            }
            return reply
        }
    }

    // MARK: Yes

    private static func server(
        _ answer: HTTPAnswer, needsServer: Bool
    ) throws(Failure) -> ServerAddress? {
        let place = answer.lastValue(of: "Auth-Server")
        let port = answer.lastValue(of: "Auth-Port")
        if place == nil, port == nil, !needsServer { return nil }
        guard let place else { throw Failure(text: "the answer has no Auth-Server") }
        let text = String(decoding: place, as: UTF8.self)
        if text.hasPrefix("unix:"), let address = SocketAddress(unix: String(text.dropFirst("unix:".utf8.count))) {
            return .socket(address)
        }
        guard let port else { throw Failure(text: "the answer has no Auth-Port") }
        guard let number = seconds(port).flatMap(UInt16.init(exactly:)), number > 0 else {
            throw Failure(text: "the answer's Auth-Port is no port")
        }
        let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
        if let address = IPAddress(isBracketed ? String(text.dropFirst().dropLast()) : text) {
            return .socket(SocketAddress(octets: address.octets, port: number))
        }
        guard HTTPServer(text)?.host == text.lowercased() else {
            throw Failure(text: "the answer's Auth-Server is no server")
        }
        return .host(text.lowercased(), port: number)
    }

    private static func acceptance(
        _ answer: HTTPAnswer, _ attempt: AuthenticationAttempt, _ server: ServerAddress?
    ) throws(Failure) -> Acceptance {
        let shown = attempt.credentials
        let user = answer.lastValue(of: "Auth-User")
        let pass = answer.secrets(of: "Auth-Pass").last
        let login = user ?? shown?.actingUser
        guard isLogin(login ?? []) else { throw Failure(text: "the answer's Auth-User is no identity") }
        var result = Acceptance(login: login, server: server)
        let proof = pass.map { Credentials.Proof.password($0) } ?? shown?.proof
        guard let login, let proof, user != nil || pass != nil else { return result }
        let mechanism = pass == nil ? shown?.mechanism ?? .plain : .plain
        result.upstreamCredentials = Credentials(mechanism: mechanism, user: login, proof: proof)
        guard result.upstreamCredentials != nil else { throw Failure(text: "the answer's Auth-Pass is no password") }
        return result
    }

    private static func isLogin(_ bytes: [UInt8]) -> Bool {
        bytes.count <= Credentials.identityLimitBytes && bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }
}

extension HTTPAnswer {
    fileprivate func lastValue(of name: String) -> [UInt8]? { values(of: name).last }
}
