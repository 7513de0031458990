import Ring
import Settings
import TestSupport
import Testing

@testable import Service

@Suite struct AdminServerTests {
    private func server(_ answer: @escaping @Sendable (AdminRequest) -> AdminReply) throws -> AdminServer {
        let socket = try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
        return try #require(AdminServer.start(at: socket, answer: answer))
    }

    private func ask(_ server: AdminServer, _ request: String) throws -> String {
        let client = try Peer(port: server.socket.address.port)
        try client.send(request)
        return String(decoding: try client.readToEnd(), as: UTF8.self)
    }

    @Test func aRequestReachesItsAnswer() throws {
        let server = try server { request in
            AdminReply(body: "\(request.path) \(request.host ?? "-") \(request.limit ?? "-")")
        }
        defer { server.close() }
        let reply = try ask(server, "GET /sessions?limit=5&x=1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n") && reply.hasSuffix("\r\n\r\n/sessions a.example 5"))
        for field in ["Cache-Control: no-store", "X-Content-Type-Options: nosniff", "default-src 'none'"] {
            #expect(reply.contains(field))
        }
        let head = try ask(server, "HEAD / HTTP/1.0\r\n\r\n")
        #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") || head.hasPrefix("HTTP/1.0 200 OK\r\n"))
        #expect(head.hasSuffix("\r\n\r\n"))
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "get"])
    func otherMethodsAreRefused(_ method: String) throws {
        let server = try server { _ in AdminReply(body: "") }
        defer { server.close() }
        let body = method == "OPTIONS" ? "" : "abc"
        let request = "\(method) / HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        #expect(try ask(server, request).hasPrefix("HTTP/1.1 405 "))
    }

    @Test func nonsenseAndHugeRequestsDoNoHarm() throws {
        let server = try server { _ in AdminReply(body: "fine") }
        defer { server.close() }
        for request in ["\0\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
            _ = try? ask(server, request)
        }
        let client = try Peer(port: server.socket.address.port)
        for _ in 0..<64 {
            guard (try? client.send("X-Long: \(String(repeating: "x", count: 4096))\r\n")) != nil else { break }
        }
        #expect(try ask(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").hasSuffix("fine"))
    }

    @Test func whoSaysNothingKeepsNobodyOut() throws {
        let server = try server { _ in AdminReply(body: "fine") }
        defer { server.close() }
        let silent = try (0..<(2 * AdminServer.connectionsMax)).map { _ in
            let client = try Peer(port: server.socket.address.port)
            try client.send("GET /")
            return client
        }
        #expect(try ask(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").hasSuffix("fine"))
        withExtendedLifetime(silent) {}
    }

    @Test func theSocketCanBeLeftToAnotherServer() throws {
        let first = try server { _ in AdminReply(body: "first") }
        first.close(closesSocket: false)
        let second = try #require(AdminServer.start(at: first.socket) { _ in AdminReply(body: "second") })
        defer { second.close() }
        #expect(try ask(second, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").hasSuffix("second"))
    }
}
