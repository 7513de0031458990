import Lookup
import Policy
import Ring
import TestSupport
import Testing
import Wire

/// What an auth server of nginx's answers, and what that leads to.
@Suite struct HTTPAnswerTests {
    private static func decide(
        _ credentials: Credentials? = .plain("joe", "pw"),
        _ settings: @escaping @Sendable (inout HTTPAuthentication) -> Void = { _ in }, _ fields: String...
    ) async throws -> AuthenticationOutcome {
        let text = "HTTP/1.0 200 OK\r\n" + fields.map { $0 + "\r\n" }.joined() + "\r\n"
        return try await outcome(of: credentials, settings) { _ in [.send(text), .close] }.outcome
    }

    private static let server = ["Auth-Server: 192.0.2.9", "Auth-Port: 2525"]
    private static let address = ServerAddress.socket(SocketAddress(octets: [192, 0, 2, 9], port: 2525))

    // MARK: Yes

    @Test func okIsAYes() async throws {
        let acceptance = try await Self.decide(
            .plain("joe", "pw"), { _ in }, "Auth-Status: OK", Self.server[0],
            Self.server[1]
        ).acceptance
        #expect(acceptance?.login == Array("joe".utf8))
        #expect(acceptance?.server == Self.address)
        #expect(acceptance?.upstreamCredentials == nil)
    }

    @Test(arguments: [
        ("192.0.2.9", "25", ServerAddress.socket(SocketAddress(octets: [192, 0, 2, 9], port: 25))),
        ("::1", "25", .socket(SocketAddress(octets: [UInt8](repeating: 0, count: 15) + [1], port: 25))),
        ("[::1]", "65535", .socket(SocketAddress(octets: [UInt8](repeating: 0, count: 15) + [1], port: 65535))),
        ("MX.Example.com", "587", .host("mx.example.com", port: 587)),
        ("unix:/run/smtp", "1", .socket(SocketAddress(unix: "/run/smtp")!)),
    ])
    func theServerIsRead(server: String, port: String, address: ServerAddress) async throws {
        let outcome = try await Self.decide(
            .plain("a", "b"), { _ in }, "Auth-Status: OK", "Auth-Server: \(server)", "Auth-Port: \(port)")
        #expect(outcome.acceptance?.server == address)
    }

    @Test(arguments: [
        ("", "25"), ("192.0.2.9", ""), ("192.0.2.9", "0"), ("192.0.2.9", "65536"), ("192.0.2.9", "x"),
        ("192.0.2.9", "-1"), ("192.0.2.9", "99999999999999999999"), ("a b", "25"), ("a/b", "25"), ("a:1", "25"),
        ("[::1", "25"), ("unix:", "25"), ("http://a", "25"), ("user@a", "25"),
    ])
    func whatIsNoServerIsNoDecision(server: String, port: String) async throws {
        let outcome = try await Self.decide(
            .plain("a", "b"), { _ in }, "Auth-Status: OK", "Auth-Server: \(server)", "Auth-Port: \(port)")
        #expect(outcome.unavailability?.code == 454)
    }

    @Test func aYesNamesAServer() async throws {
        #expect(try await Self.decide(.plain("a", "b"), { _ in }, "Auth-Status: OK").unavailability?.code == 454)
        #expect(
            try await Self.decide(.plain("a", "b"), { _ in }, "Auth-Status: OK", Self.server[0]).unavailability != nil)
        #expect(
            try await Self.decide(.plain("a", "b"), { _ in }, "Auth-Status: OK", Self.server[1]).unavailability != nil)
    }

    /// Only where it was configured so, and only where the yes is a plain one.
    @Test func aYesMayLeaveTheServerOut() async throws {
        let own = try await Self.decide(.plain("a", "b"), { $0.needsServer = false }, "Auth-Status: OK").acceptance
        #expect(own != nil && own?.server == nil)
        #expect(try await Self.decide(.plain("a", "b"), { $0.needsServer = false }, "X: y").acceptance == nil)
        #expect(
            try await Self.decide(.plain("a", "b"), { $0.needsServer = false }, "Auth-Status: OK", "Auth-Port: 1")
                .acceptance == nil)
    }

    @Test func noStatusIsAYes() async throws {
        #expect(
            try await Self.decide(.plain("a", "b"), { _ in }, Self.server[0], Self.server[1]).acceptance?.server
                == Self.address)
    }

    @Test(arguments: ["HTTP/1.1 500 No", "HTTP/1.0 404 Not Found", "HTTP/1.0 204 None", ""])
    func theStatusLineDoesNotMatter(line: String) async throws {
        let head = line.isEmpty ? "" : line + "\r\n"
        let text = head + "auth-status: OK\r\nAUTH-SERVER: 192.0.2.9\r\nAuth-Port:2525\r\n\r\n"
        let outcome = try await outcome(of: .plain("a", "b")) { _ in [.send(text), .close] }.outcome
        #expect(outcome.acceptance?.server == Self.address)
    }

    @Test func lineFeedsAloneAreLineEnds() async throws {
        let text = "HTTP/1.0 200 OK\nAuth-Status: OK\nAuth-Server: 192.0.2.9\nAuth-Port: 2525\n\n"
        #expect(try await outcome(of: nil) { _ in [.send(text), .close] }.outcome.acceptance?.server == Self.address)
    }

    @Test func theAnswerReplacesTheCredentials() async throws {
        let fields = ["Auth-Status: OK"] + Self.server
        func decide(_ credentials: Credentials?, _ more: String...) async throws -> Acceptance? {
            let text = "HTTP/1.0 200 OK\r\n" + (fields + more).map { $0 + "\r\n" }.joined() + "\r\n"
            return try await outcome(of: credentials) { _ in [.send(text), .close] }.outcome.acceptance
        }
        let both = try await decide(.plain("joe", "pw"), "Auth-User: jo%20", "Auth-Pass: s p")
        #expect(both?.login == Array("jo%20".utf8))
        #expect(both?.upstreamCredentials?.user == Array("jo%20".utf8))
        guard case .password(let secret) = both?.upstreamCredentials?.proof else {
            Issue.record("no password")
            return
        }
        #expect(secret.text == "s p")
        let user = try await decide(.plain("joe", "pw"), "Auth-User: jim")
        guard case .password(let kept) = user?.upstreamCredentials?.proof else {
            Issue.record("no password")
            return
        }
        #expect(kept.text == "pw" && user?.login == Array("jim".utf8))
        let pass = try await decide(.plain("joe", "pw"), "Auth-Pass: other")
        #expect(pass?.login == Array("joe".utf8) && pass?.upstreamCredentials != nil)
        let none = try await decide(nil, "Auth-User: site", "Auth-Pass: x")
        #expect(none?.login == Array("site".utf8) && none?.upstreamCredentials?.user == Array("site".utf8))
        #expect(try await decide(nil, "Auth-Pass: x")?.upstreamCredentials == nil)
    }

    /// No limit of 1,024 bytes.
    @Test func anAnswerMayBeLong() async throws {
        let long = "X-Long: " + String(repeating: "x", count: 20_000)
        #expect(
            try await Self.decide(.plain("a", "b"), { _ in }, long, "Auth-Status: OK", Self.server[0], Self.server[1])
                .acceptance != nil)
    }

    // MARK: No

    /// Fields, the reply, how long it is delayed, and whether the session ends.
    @Test(arguments: [
        (["Auth-Status: No such user"], "535 5.7.0 No such user", 0, true),
        (["Auth-Status: ok"], "535 5.7.0 ok", 0, true),
        (["Auth-Status: "], "535 5.7.0 ", 0, true),
        (["Auth-Status: No", "Auth-Wait: 3"], "535 5.7.0 No", 3, false),
        (["Auth-Status: No", "Auth-Wait: 0"], "535 5.7.0 No", 0, true),
        (["Auth-Status: No", "Auth-Wait: x"], "535 5.7.0 No", 0, true),
        (["Auth-Status: No", "Auth-Wait: 999999999"], "535 5.7.0 No", 300, false),
        (["Auth-Status: No", "Auth-Error-Code: 550 5.1.1"], "550 5.1.1 No", 0, true),
        (["Auth-Status: No", "Auth-Error-Code: 454"], "454 4.7.0 No", 0, true),
        (["Auth-Status: No", "Auth-Error-Code: 550 5.1.1 Because"], "550 5.1.1 Because No", 0, true),
        (["Auth-Status: No", "Auth-Error-Code: 250 2.0.0"], "535 5.7.0 No", 0, true),
        (["Auth-Status: No", "Auth-Error-Code: 550 4.1.1"], "550 5.7.0 4.1.1 No", 0, true),
        (["Auth-Status: No", "Auth-Error-Code: x"], "535 5.7.0 No", 0, true),
        (["Auth-Status: No", "Auth-Error-Code: 421 4.7.0", "Auth-Wait: 2"], "421 4.7.0 No", 2, true),
        (["Auth-Status: OK", "Auth-Status: No"], "535 5.7.0 No", 0, true),
        (["Auth-Status: No", "Auth-Status: OK"], "535 5.7.0 No", 0, true),
        (["Auth-Status: WAIT", "Auth-Status: No"], "535 5.7.0 No", 0, true),
    ])
    func aNoIsTold(fields: [String], line: String, seconds: Int, closes: Bool) async throws {
        let text = "HTTP/1.0 200 OK\r\n" + (fields + Self.server).map { $0 + "\r\n" }.joined() + "\r\n"
        for credentials in [Credentials.plain("a", "b"), nil] {
            let refusal = try await outcome(of: credentials) { _ in [.send(text), .close] }.outcome.refusal
            #expect(refusal?.reply.line == line)
            #expect(refusal?.delay == .seconds(seconds))
            #expect(refusal?.closes == closes)
            #expect(refusal?.errorDocument == nil)
        }
    }

    @Test func aTokenIsRefusedWithADocument() async throws {
        let refusal = try await Self.decide(
            .plain("a", "b"), { _ in }, "Auth-Status: No", "Auth-Error-SASL: eyJzdGF0dXMiOiI0MDAifQ=="
        ).refusal
        #expect(refusal?.errorDocument == Array(#"{"status":"400"}"#.utf8))
        let bad = try await Self.decide(.plain("a", "b"), { _ in }, "Auth-Status: No", "Auth-Error-SASL: ???").refusal
        #expect(bad != nil && bad?.errorDocument == nil)
    }

    @Test func aRefusalsTextIsHarmless() async throws {
        let refusal = try await Self.decide(.plain("a", "b"), { _ in }, "Auth-Status: n\u{1}\u{e9}").refusal
        #expect(refusal?.reply.text.utf8.allSatisfy { (0x20..<0x7f).contains($0) } == true)
    }

    // MARK: Wait

    @Test func aWaitIsAskedAgain() async throws {
        let (outcome, requests) = try await outcome(of: .plain("a", "b")) { request in
            request.number < 3
                ? HTTPPeer.answer("Auth-Status: WAIT", "Auth-Wait: 0")
                : HTTPPeer.answer("Auth-Status: OK", "Auth-Server: 192.0.2.9", "Auth-Port: 2525")
        }
        #expect(outcome.acceptance?.server == Self.address)
        #expect(requests.count == 3)
        #expect(Set(requests.map { $0.lines }).count == 1)
    }

    @Test func waitingHasAnEnd() async throws {
        let (outcome, requests) = try await outcome(of: .plain("a", "b")) { _ in HTTPPeer.answer("Auth-Status: WAIT") }
        #expect(outcome.unavailability?.code == 454)
        #expect(requests.count == 21)
    }

    @Test func aWaitIsTakenBack() async throws {
        let peer = try HTTPPeer { _ in HTTPPeer.answer("Auth-Status: WAIT", "Auth-Wait: 200") }
        let outcome = try await withHTTPAuthenticator(asking: ["http://\(peer.address)/"]) { shard, authenticator in
            let cancellation = Cancellation()
            let ring = shard.ring
            shard.spawn {
                while peer.requests.isEmpty { await ring.sleep(until: ring.now) }
                await ring.sleep(until: ring.now)
                cancellation.cancel()
            }
            return await authenticator.authenticate(
                AuthenticationAttempt(facts: sessionFacts(), credentials: nil, cancellation: cancellation))
        }
        #expect(outcome.unavailability?.code == 451)
    }
}
