import Glibc
import Lookup
import Policy
import Ring
import TestSupport
import Testing

/// A map that asks a server of HTTP.
@Suite struct HTTPMapTests {
    private static let joe = MapKey(.address, Array("joe@example.com".utf8))

    /// What a server with this script has a map say to these keys, one after the other.
    private static func answers(
        to keys: [MapKey] = [joe], url: String = "/route/{key}", timeout: Duration = .seconds(10),
        fields: [(String, String)] = [], by script: @escaping HTTPPeer.Script
    ) async throws -> (answers: [MapAnswer], reasons: [String], requests: [HTTPPeer.Request]) {
        let peer = try HTTPPeer(script)
        let (answers, reasons) = try await withHTTPMap("http://\(peer.address)\(url)", timeout, fields) { shard, map in
            var answers: [MapAnswer] = []
            for key in keys { answers.append(await map.look(up: key, cancellation: Cancellation())) }
            return answers
        }
        return (answers, reasons, peer.requests)
    }

    /// A map on a shard of its own, and what it reports.
    private static func withHTTPMap<Result: Sendable>(
        _ url: String, _ timeout: Duration = .seconds(10), _ fields: [(String, String)] = [],
        _ body: @escaping @Sendable (isolated Shard, HTTPMap) async -> Result
    ) async throws -> (Result, reasons: [String]) {
        signal(SIGPIPE, SIG_IGN)
        let url = try #require(HTTPMapURL(url))
        let result = try await onShard { shard -> (Result, [String])? in
            var settings = HTTPMapSettings(name: "customers", url: url, upstreams: ["backend"])
            settings.timeout = timeout
            settings.fields = fields
            var configuration = HTTPConfiguration()
            configuration.bodyLimitBytes = HTTPMapAnswer.bodyLimitBytes
            guard let client = try? HTTPClient(shard.ring, nil, configuration) else { return nil }
            let reasons = Reasons()
            let map = HTTPMap(settings, client, on: shard.ring) { reasons.all.append($0) }
            let result = await body(shard, map)
            client.close()
            return (result, reasons.all)
        }
        return try #require(result)
    }

    private final class Reasons {
        var all: [String] = []
    }

    private static func found(_ server: String, _ verifiesTLS: Bool? = nil) -> MapAnswer {
        .found(MapEntry(server: Array(server.utf8), verifiesTLS: verifiesTLS))
    }

    // MARK: Answers

    @Test(arguments: [
        (#"{"server": "mx.example.com:2525", "tls_verify": true}"#, "mx.example.com:2525", Bool?.some(true)),
        (#"{"server":"[2001:db8::1]:25","tls_verify":false}"#, "[2001:db8::1]:25", false),
        (#"{"server": "192.0.2.1", "tls_verify": null, "upstream": null}"#, "192.0.2.1", nil),
        ("\r\n {\"server\": \"a\", \"upstream\": \"\", \"comment\": [1, {\"x\": 2.5}]}\n", "a", nil),
        (#"{"upstream": "backend"}"#, "backend", nil), (#"{"upstream": "backend", "server": ""}"#, "backend", nil),
        (#"{"upstream": "backend", "tls_verify": true}"#, "backend", true),
    ])
    func anEntryIsFound(_ body: String, _ server: String, _ verifiesTLS: Bool?) async throws {
        let result = try await Self.answers { _ in HTTPPeer.answer(body: body) }
        #expect(result.answers == [Self.found(server, verifiesTLS)] && result.reasons.isEmpty)
    }

    @Test(arguments: [
        "{}", "null", " null\n", #"{"server": null}"#, #"{"server": ""}"#, #"{"upstream": "", "tls_verify": true}"#,
        #"{"Server": "a"}"#,
    ])
    func thereIsNoSuchKey(_ body: String) async throws {
        let result = try await Self.answers { _ in HTTPPeer.answer(body: body) }
        #expect(result.answers == [.missing] && result.reasons.isEmpty)
    }

    @Test func notFoundIsNoSuchKey() async throws {
        let result = try await Self.answers { _ in HTTPPeer.answer(status: "404 Not Found", body: "<html>") }
        #expect(result.answers == [.missing] && result.reasons.isEmpty)
    }

    @Test(arguments: [
        "", "\n", "nul", "nullnull", "true", "\"a\"", "[]", #"[{"server": "a"}]"#, "{", #"{"server": "a"} x"#,
        #"{"server": "a", "server": "b"}"#, #"{"server": 1}"#, #"{"server": ["a"]}"#, #"{"server": {"host": "a"}}"#,
        #"{"server": "a", "upstream": "backend"}"#, #"{"upstream": "other"}"#, #"{"upstream": 1}"#,
        #"{"server": "a", "tls_verify": 1}"#, #"{"server": "a", "tls_verify": "true"}"#, "{\"server\": \"a\u{0}\"}",
        #"{"server": "a\u0000b"}"#, #"{"server": "\ud800"}"#, "<html><body>It works!</body></html>",
        #"{"server": "a", "x": NaN}"#, "\u{feff}{}",
    ])
    func rubbishIsNoAnswer(_ body: String) async throws {
        let result = try await Self.answers { _ in HTTPPeer.answer(body: body) }
        #expect(result.answers == [.failed])
        #expect(result.reasons.count == 1 && result.reasons[0].hasPrefix("no valid answer: "))
    }

    @Test func neitherIsWhatIsNoText() async throws {
        let body: [UInt8] = Array(#"{"server": ""#.utf8) + [0xFF, 0xFE] + Array(#""}"#.utf8)
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n"
        let result = try await Self.answers { _ in [.send(Array(head.utf8) + body)] }
        #expect(result.answers == [.failed])
    }

    @Test(arguments: [
        "201 Created", "204 No Content", "206 Partial Content", "301 Moved", "302 Found", "307 Temporary Redirect",
        "400 Bad Request", "401 Unauthorized", "403 Forbidden", "410 Gone", "429 Too Many Requests",
        "500 Internal Server Error", "503 Service Unavailable", "999 Odd",
    ])
    func anotherStatusIsNoAnswer(_ status: String) async throws {
        let result = try await Self.answers { _ in
            HTTPPeer.answer(status: status, body: status.hasPrefix("204") ? "" : #"{"server": "a"}"#)
        }
        #expect(result.answers == [.failed])
        #expect(result.reasons == ["no valid answer: the status is \(status.prefix(3))"])
    }

    @Test func aRedirectIsNotFollowed() async throws {
        let other = try HTTPPeer { _ in HTTPPeer.answer(body: #"{"server": "a"}"#) }
        let place = "Location: http://\(other.address)/"
        let result = try await Self.answers { _ in HTTPPeer.answer(place, status: "302 Found") }
        #expect(result.answers == [.failed] && result.requests.count == 1 && other.requests.isEmpty)
    }

    // MARK: Failures

    @Test func nobodyIsThere() async throws {
        let address = try LoopbackServer.closedAddress()
        let (answer, reasons) = try await Self.withHTTPMap("http://\(address)/") { shard, map in
            await map.look(up: Self.joe, cancellation: Cancellation())
        }
        #expect(answer == .failed && reasons == ["no connection: Connection refused"])
    }

    @Test func silenceIsNoAnswer() async throws {
        let result = try await Self.answers(timeout: .milliseconds(300)) { _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"server\": "), .silence]
        }
        #expect(result.answers == [.failed] && result.reasons == ["no answer in time"])
    }

    /// Half an answer is none, wherever it ends.
    @Test func anAnswerMayEndAtEveryByte() async throws {
        let body = #"{"server": "mx.example.com:25", "tls_verify": true}"#
        let text = Array("HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
        let result = try await Self.answers(to: [MapKey](repeating: Self.joe, count: text.count + 1)) { request in
            [.send(Array(text[..<(request.number - 1)])), .close]
        }
        #expect(result.answers.dropLast().allSatisfy { $0 == .failed })
        #expect(result.answers.last == Self.found("mx.example.com:25", true))
        #expect(result.reasons.count == text.count)
    }

    /// Whoever sends mail chooses the key: it must not say whom to ask.
    @Test(arguments: [
        ("http://map.internal", "http://map.internal:80/eve.example"),
        ("HTTPS://map.internal:8443", "https://map.internal:8443/eve.example"),
        ("map.internal", "http://map.internal:80/eve.example"),
        ("http://map.internal?k=", "http://map.internal:80/?k=eve.example"),
        ("http://[2001:db8::1]", "http://[2001:db8::1]:80/eve.example"),
        ("http://map.internal/{kind}/", "http://map.internal:80/domain/eve.example"),
        ("unix:/run/map", "http://localhost/eve.example"), ("unix:/run/{key}", "http://localhost/eve.example"),
        ("http://unix:/run/map:/r?", "http://localhost/r?eve.example"),
    ])
    func aKeyIsNoPartOfTheServersName(_ text: String, _ asked: String) throws {
        let key = MapKey(.domain, Array("eve.example".utf8))
        let (url, server) = (try #require(HTTPMapURL(text)), try #require(HTTPServer(text)))
        let found = try #require(url.server(for: key))
        #expect(found.url == asked)
        #expect((found.host, found.port) == (server.host, server.port) && found.unixSocket == server.unixSocket)
    }

    /// Without a length the end of the connection is the end of the answer: what was cut off is no JSON then.
    @Test func anAnswerWithoutALengthMayEndAtEveryByte() async throws {
        let body = Array(#"{"server": "mx.example.com:25"}"#.utf8)
        let result = try await Self.answers(to: [MapKey](repeating: Self.joe, count: body.count + 1)) { request in
            [.send(Array("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".utf8) + body[..<(request.number - 1)]), .close]
        }
        #expect(result.answers.dropLast().allSatisfy { $0 == .failed })
        #expect(result.answers.last == Self.found("mx.example.com:25"))
    }

    @Test(arguments: [HTTPMapAnswer.bodyLimitBytes + 1, 4 << 20]) func aFloodIsNoAnswer(_ count: Int) async throws {
        let body = #"{"server": "a", "x": ""# + String(repeating: "x", count: count) + #""}"#
        let result = try await Self.answers { _ in HTTPPeer.answer(body: body) }
        #expect(result.answers == [.failed] && result.reasons == ["the answer is too large"])
    }

    @Test(arguments: ["[", #"{"a":"#]) func anAbyssIsNoAnswer(_ step: String) async throws {
        let result = try await Self.answers { _ in HTTPPeer.answer(body: String(repeating: step, count: 3_000)) }
        #expect(result.reasons == ["no valid answer: the answer holds too many objects"])
    }

    @Test func aQuestionIsTakenBack() async throws {
        let peer = try HTTPPeer { _ in [.silence] }
        let (answer, reasons) = try await Self.withHTTPMap("http://\(peer.address)/") { shard, map in
            let cancellation = Cancellation()
            let ring = shard.ring
            shard.spawn {
                while peer.requests.isEmpty { await ring.sleep(until: ring.now) }
                cancellation.cancel()
            }
            return await map.look(up: Self.joe, cancellation: cancellation)
        }
        // Whoever asked knows why.
        #expect(answer == .failed && reasons.isEmpty)
    }

    /// Dies between two questions: its connection is gone when the second one comes.
    @Test func aServerMayDieBetweenTwoQuestions() async throws {
        let result = try await Self.answers(to: [Self.joe, Self.joe, Self.joe]) { _ in
            HTTPPeer.answer(body: #"{"upstream": "backend"}"#) + [.close]
        }
        #expect(result.answers == [MapAnswer](repeating: Self.found("backend"), count: 3))
    }

    // MARK: Requests

    @Test func aConnectionIsUsedAgain() async throws {
        let result = try await Self.answers(to: [Self.joe, Self.joe]) { _ in HTTPPeer.answer(body: "{}") }
        #expect(result.requests.map(\.connection) == [1, 1])
    }

    @Test func fieldsAreSent() async throws {
        let result = try await Self.answers(fields: [("X-Key", "secret")]) { _ in HTTPPeer.answer(body: "{}") }
        let request = try #require(result.requests.first)
        #expect(request.values("X-Key") == ["secret"] && request.values("Accept") == ["application/json"])
    }

    @Test(arguments: [
        ("/route/{key}", "joe@example.com", "/route/joe%40example.com"),
        ("/route/{key}?kind={kind}", "joe@example.com", "/route/joe%40example.com?kind=address"),
        ("/route?key=", "joe@example.com", "/route?key=joe%40example.com"), ("/", "a-b_c.d~e", "/a-b_c.d~e"),
        ("/{key}/{key}/{other}", "a/b?c#d&e=f", "/a%2Fb%3Fc%23d%26e%3Df/a%2Fb%3Fc%23d%26e%3Df/{other}"),
        ("/{key}", "a b\r\nX: y%\u{e4}\u{0}", "/a%20b%0D%0AX%3A%20y%25%C3%A4%00"), ("/a/{key}/b", "..", "/a/../b"),
        ("/{key}", "{kind}", "/%7Bkind%7D"), ("/{key}", "", "/"),
    ])
    func theKeyStandsInTheURL(_ url: String, _ key: String, _ path: String) async throws {
        let result = try await Self.answers(to: [MapKey(.address, Array(key.utf8))], url: url) { _ in
            HTTPPeer.answer(body: "{}")
        }
        #expect(result.requests.first?.lines.first == "GET \(path) HTTP/1.1")
        #expect(result.answers == [.missing])
    }

    @Test func aURLHasAnEnd() async throws {
        let key = MapKey(.address, [UInt8](repeating: 0x40, count: HTTPServer.textLimitBytes))
        let result = try await Self.answers(to: [key]) { _ in HTTPPeer.answer(body: "{}") }
        #expect(result.answers == [.failed] && result.requests.isEmpty)
        #expect(result.reasons == ["the URL is too long with the key in it"])
    }

    @Test(arguments: ["", "ftp://example.com/{key}", "http://{key}/", "http://example.com/ {key}"])
    func isNoURL(_ text: String) {
        #expect(HTTPMapURL(text) == nil)
    }
}
