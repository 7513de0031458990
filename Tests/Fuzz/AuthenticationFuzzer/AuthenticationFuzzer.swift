import Lookup
import Policy
import Ring
import Telemetry
import Wire

/// Takes the input for the header of an auth server's answer, for a server's place, and for what Dovecot says, and checks
/// what came of it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzAuthentication(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    checkServer(String(decoding: bytes, as: UTF8.self))
    checkDovecot(bytes)
    var answer = HTTPAnswer()
    for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) { answer.addField(line) }
    let facts = SessionFacts(
        id: SessionID(shard: 0, time: UTCTime(unixMilliseconds: 0), counter: 0), listener: "mx",
        client: .loopback(port: 1))
    let password = Array("pw".utf8)
    let credentials = Credentials(mechanism: .plain, user: [0x61], proof: .password(Secret(password.span)))
    for credentials in [credentials, nil] {
        let attempt = AuthenticationAttempt(facts: facts, credentials: credentials)
        for needsServer in [true, false] {
            check(AuthenticationAnswer(answer, to: attempt, needsServer: needsServer), of: answer, needsServer)
        }
    }
    return 0
}

private func check(_ decision: AuthenticationAnswer, of answer: HTTPAnswer, _ needsServer: Bool) {
    let statuses = answer.values(of: "Auth-Status")
    switch decision {
    case .decided(.accepted(let acceptance)):
        precondition(statuses.allSatisfy { $0 == Array("OK".utf8) })
        precondition(acceptance.server != nil || !needsServer && !statuses.isEmpty)
        precondition(acceptance.login?.allSatisfy { $0 >= 0x20 && $0 != 0x7F } ?? true)
    case .decided(.refused(let refusal)):
        precondition((400...599).contains(refusal.reply.code))
        precondition(refusal.reply.text.utf8.allSatisfy { (0x20..<0x7f).contains($0) })
        precondition(refusal.delay >= .zero && refusal.delay <= .seconds(300))
        precondition(statuses.contains { $0 != Array("OK".utf8) && $0 != Array("WAIT".utf8) })
    case .decided(.unavailable(let reply, because: _)): precondition(reply.code / 100 == 4)
    case .decided(.deferred), .decided(.passedOn): preconditionFailure("nobody defers")
    case .wait(let duration):
        precondition(duration >= .zero)
        precondition(statuses.contains(Array("WAIT".utf8)))
    }
}

/// What a place has led to says the same once more.
private func checkServer(_ text: String) {
    guard let server = HTTPServer(text) else { return }
    precondition(server.url.utf8.allSatisfy { (0x21..<0x7f).contains($0) })
    precondition(server.unixSocket != nil || HTTPServer(server.url) == server)
}

/// A greeting ends once, and behind what a greeting has; what is read of an answer is not more than there was.
private func checkDovecot(_ bytes: [UInt8]) {
    var greeting = DovecotGreeting()
    for part in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
        let text = Array(part)
        let line = DovecotLine(text.span)
        switch line {
        case .accepted(_, let fields), .refused(_, let fields):
            precondition(fields.reduce(0) { $0 + $1.value.count + 1 } <= text.count)
        case .challenge(_, let challenge): precondition(challenge.count < text.count)
        case .version, .mechanism, .done, .other, nil: break
        }
        guard (try? greeting.take(line)) == false else { return }
    }
}
