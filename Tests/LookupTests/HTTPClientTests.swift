import Lookup
import Ring
import TLS
import TestCertificates
import TestSupport
import Testing
import Wire

/// Requests to a scripted server.
@Suite struct HTTPClientTests {
    /// What a server with this script answers to one request.
    private static func ask(
        _ request: sending HTTPRequest = HTTPRequest(),
        _ change: @escaping @Sendable (inout HTTPConfiguration) -> Void = { _ in }, by script: @escaping HTTPPeer.Script
    ) async throws -> Result<HTTPAnswer, HTTPError> {
        let peer = try HTTPPeer(script)
        let isBare = request.needsNoStatusLine
        let isHeaderAlone = request.wantsHeaderAlone
        return try await withHTTPClient(change) { shard, client in
            var request = HTTPRequest()
            request.needsNoStatusLine = isBare
            request.wantsHeaderAlone = isHeaderAlone
            return await client.outcome(of: request, at: peer.url, on: shard.ring)
        }
    }

    private static func headerAlone(bare: Bool = false) -> HTTPRequest {
        var request = HTTPRequest()
        request.wantsHeaderAlone = true
        request.needsNoStatusLine = bare
        return request
    }

    @Test func aRequestHoldsWhatIsStatedAndNothingElse() async throws {
        let peer = try HTTPPeer { _ in HTTPPeer.answer("X-Answer:  yes \t", body: "body") }
        let outcome = try await withHTTPClient { shard, client in
            let fields = [
                HTTPRequest.Field("Host", "auth"), HTTPRequest.Field("Auth-User", "j\u{1}\u{e9}%"),
                HTTPRequest.Field("Auth-Pass", ""), HTTPRequest.Field("X-Last", " a:b;"),
            ]
            return await client.outcome(of: HTTPRequest(fields: fields), at: peer.url + "auth?x", on: shard.ring)
        }
        #expect(outcome.answer?.status == 200)
        #expect(outcome.answer?.text(of: "x-answer") == "yes")
        #expect(outcome.answer?.body == Array("body".utf8))
        let lines = try #require(peer.requests.first?.lines)
        #expect(
            lines == [
                "GET /auth?x HTTP/1.1", "Host: auth", "Auth-User: j\u{1}\u{e9}%", "Auth-Pass:", "X-Last:  a:b;",
            ])
    }

    @Test(arguments: ["a\rb", "a\nb", "a\r\nAuth-Status: OK", "a\0b", "\n"])
    func aValueInjectsNothing(value: String) async throws {
        let peer = try HTTPPeer { _ in HTTPPeer.answer() }
        let outcome = try await withHTTPClient { shard, client in
            await client.outcome(
                of: HTTPRequest(fields: [HTTPRequest.Field("X", value)]), at: peer.url, on: shard.ring)
        }
        #expect(outcome.error == .badRequest)
        #expect(peer.requests.isEmpty)
    }

    @Test(arguments: ["", "a b", "a:", "a\r\nb", "ä", "a;"])
    func aNameInjectsNothing(name: String) async throws {
        let outcome = try await withHTTPClient { shard, client in
            await client.outcome(
                of: HTTPRequest(fields: [HTTPRequest.Field(name, "x")]), at: "127.0.0.1:1", on: shard.ring)
        }
        #expect(outcome.error == .badRequest)
    }

    @Test func aConnectionIsUsedAgain() async throws {
        let peer = try HTTPPeer { HTTPPeer.answer("N: \($0.number)", body: "x") }
        let answers = try await withHTTPClient { shard, client in
            var answers: [String?] = []
            for number in 0..<6 {
                var request = HTTPRequest()
                request.wantsHeaderAlone = number % 2 == 0
                answers.append(await client.outcome(of: request, at: peer.url, on: shard.ring).answer?.text(of: "n"))
            }
            return answers
        }
        #expect(answers == (1...6).map { "\($0)" })
        #expect(peer.connections == 1)
    }

    @Test func aConnectionThatDiedBetweenIsMadeAnew() async throws {
        let peer = try HTTPPeer { HTTPPeer.answer("N: \($0.number)") + [.close] }
        let answers = try await withHTTPClient { shard, client in
            var answers: [String?] = []
            for _ in 0..<3 {
                answers.append(await client.outcome(at: peer.url, on: shard.ring).answer?.text(of: "n"))
            }
            return answers
        }
        #expect(answers == ["1", "2", "3"])
        #expect(peer.connections == 3)
    }

    /// Not to wait for the timer's coarseness is what the steps without a wait are for.
    @Test func manyAtOnceHaveTheirOwnAnswers() async throws {
        let peer = try HTTPPeer { HTTPPeer.answer("Echo: " + ($0.values("X").first ?? "")) }
        let answers = try await withHTTPClient { shard, client in
            let ring = shard.ring
            var answers: [Int: String] = [:]
            await together(
                shard,
                (0..<60).map { number in
                    {
                        let request = HTTPRequest(fields: [HTTPRequest.Field("X", "\(number)")])
                        let outcome = await client.outcome(of: request, at: peer.url, on: ring)
                        answers[number] = outcome.answer?.text(of: "echo")
                    }
                })
            return answers
        }
        #expect(answers == Dictionary(uniqueKeysWithValues: (0..<60).map { ($0, "\($0)") }))
    }

    @Test(arguments: [1, 2, 3, 7, 64])
    func anAnswerComesInPieces(length: Int) async throws {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n3\r\nxyz\r\n0\r\nA: trailer\r\n\r\n"
        let bytes = Array(text.utf8)
        let steps = stride(from: 0, to: bytes.count, by: length).map { start in
            HTTPPeer.Step.send(Array(bytes[start..<min(start + length, bytes.count)]))
        }
        let answer = try #require(try await Self.ask { _ in steps }.answer)
        #expect(answer.text(of: "a") == "b")
        #expect(answer.body == Array("xyz".utf8))
    }

    @Test func lineFeedsAloneAreLineEnds() async throws {
        let answer = try await Self.ask { _ in [.send("HTTP/1.0 200 OK\nA: b\nContent-Length: 0\n\n")] }.answer
        #expect(answer?.text(of: "A") == "b")
    }

    @Test func whatIsSaidBetweenIsNoAnswer() async throws {
        let answer = try await Self.ask(Self.headerAlone()) { _ in
            [.send("HTTP/1.1 103 Early\r\nA: early\r\n\r\n")] + HTTPPeer.answer("A: late")
        }.answer
        #expect(answer?.text(of: "a") == "late")
        #expect(answer?.status == 200)
    }

    /// The body never ends, and nobody wants it.
    @Test(arguments: ["Content-Length: 100", "X: y", "Transfer-Encoding: chunked"])
    func theHeaderAloneIsNotKeptWaiting(field: String) async throws {
        let answer = try await Self.ask(Self.headerAlone()) { _ in
            [.send("HTTP/1.1 200 OK\r\n\(field)\r\nA: b\r\n\r\n"), .silence]
        }.answer
        #expect(answer?.text(of: "a") == "b")
        #expect(answer?.body == [])
    }

    @Test func aLineThatGoesOnIsNoField() async throws {
        let answer = try await Self.ask { _ in HTTPPeer.answer("A: b\r\n C: d") }.answer
        #expect(answer?.text(of: "c") == nil)
    }

    @Test(arguments: ["A: b\r\nC: d\r\n\r\n", "A: b\nC: d\n\nbody", "A: b\r\nC: d\r\n\r\nmore\r\n"])
    func aStatusLineMayBeMissing(text: String) async throws {
        let answer = try await Self.ask(Self.headerAlone(bare: true)) { _ in [.send(text), .silence] }.answer
        #expect(answer?.status == 0)
        #expect(answer?.text(of: "a") == "b")
        #expect(answer?.text(of: "c") == "d")
    }

    @Test(arguments: ["A: b\r\nC: d\r\n", "garbage", "\r", ""])
    func aHeaderWithoutAnEndIsNone(text: String) async throws {
        let outcome = try await Self.ask(Self.headerAlone(bare: true)) { _ in [.send(text), .close] }
        guard case .broken = outcome.error else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test(arguments: [
        "garbage\r\n\r\n", "", "HTTP/1.1 200 OK\r\nA: b\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx",
    ])
    func whatIsNoAnswerIsSaid(text: String) async throws {
        let outcome = try await Self.ask { _ in [.send(text), .close] }
        guard case .broken = outcome.error else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test func aBrokenConnectionIsSaid() async throws {
        let outcome = try await Self.ask { _ in [.reset] }
        guard case .broken = outcome.error else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test func sizesHaveLimits() async throws {
        let fields = String(repeating: "F: " + String(repeating: "x", count: 100) + "\r\n", count: 700)
        #expect(try await Self.ask { _ in [.send("HTTP/1.1 200 OK\r\n" + fields + "\r\n")] }.error == .tooLarge)
        let line = String(repeating: "x", count: 90_000)
        #expect(try await Self.ask { _ in HTTPPeer.answer("F: \(line)") }.error != nil)
        #expect(
            try await Self.ask(HTTPRequest(), { $0.bodyLimitBytes = 99 }) { _ in
                HTTPPeer.answer(body: String(repeating: "x", count: 100))
            }.error == .tooLarge)
        let body = try await Self.ask(HTTPRequest(), { $0.bodyLimitBytes = 100 }) { _ in
            HTTPPeer.answer(body: String(repeating: "x", count: 100))
        }.answer?.body
        #expect(body?.count == 100)
    }

    @Test func aUnixSocketIsAsked() async throws {
        let name = "@mailrace-http-\(UInt64.random(in: 0 ..< .max))"
        let peer = try HTTPPeer(at: SocketAddress(unix: name)) { _ in HTTPPeer.answer("A: b") }
        let outcome = try await withHTTPClient { shard, client in
            await client.outcome(at: "unix:\(name):/auth", on: shard.ring)
        }
        #expect(outcome.answer?.text(of: "a") == "b")
        #expect(peer.requests.first?.lines == ["GET /auth HTTP/1.1", "Host: localhost"])
    }
}
