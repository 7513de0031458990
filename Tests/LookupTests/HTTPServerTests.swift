import Lookup
import Ring
import Testing

/// Where to ask, as text.
@Suite struct HTTPServerTests {
    @Test(arguments: [
        ("http://127.0.0.1:9000/auth", "http://127.0.0.1:9000/auth", "127.0.0.1", 9000),
        ("HTTP://Auth.Example", "http://auth.example:80/", "auth.example", 80),
        ("https://auth.example/a?b=c", "https://auth.example:443/a?b=c", "auth.example", 443),
        ("127.0.0.1:9000", "http://127.0.0.1:9000/", "127.0.0.1", 9000),
        ("localhost/auth", "http://localhost:80/auth", "localhost", 80),
        ("http://[2001:DB8::1]:81?x", "http://[2001:db8::1]:81/?x", "2001:db8::1", 81),
        ("https://[::1]", "https://[::1]:443/", "::1", 443),
    ])
    func aServerIsRead(text: String, url: String, host: String, port: UInt16) throws {
        let server = try #require(HTTPServer(text))
        #expect(server.url == url)
        #expect(server.host == host)
        #expect(server.port == port)
        #expect(server.unixSocket == nil)
        #expect(server.isSecure == url.hasPrefix("https"))
    }

    @Test(arguments: [
        ("unix:/run/auth.sock", "/run/auth.sock", "http://localhost/"),
        ("unix:/run/auth.sock:/auth?a", "/run/auth.sock", "http://localhost/auth?a"),
        ("http://unix:/run/auth.sock:/auth", "/run/auth.sock", "http://localhost/auth"),
        ("unix:@name:/", "@name", "http://localhost/"),
    ])
    func aUnixSocketIsRead(text: String, path: String, url: String) throws {
        let server = try #require(HTTPServer(text))
        #expect(server.unixSocket == SocketAddress(unix: path))
        #expect(server.url == url)
        #expect(server.host == "localhost")
    }

    @Test(arguments: [
        "", "http://", "http:///x", "ftp://x", "http://a b/", "http://a/\r\nX: y", "http://a/\0", "http://ä/",
        "http://user@host/", "http://user:secret@host/", "http://host:0/", "http://host:65536/", "http://host:x/",
        "http://host:/", "http://[::1/", "http://[::1]x/", "http://[zz::1]/", "http://::1/", "http://a/#b", "unix:",
        "unix::/x", "https://unix:/run/x", "unix:/run/x:auth", "http://h\\x/", "unix/x", "http://UNIX",
    ])
    func whatIsNoServerIsRefused(text: String) {
        #expect(HTTPServer(text) == nil)
    }

    @Test func theLogShowsNoQuery() {
        #expect(HTTPServer("https://a.example/x?key=1").map { "\($0)" } == "https://a.example:443/x")
        #expect(HTTPServer("unix:/run/a:/x?key=1").map { "\($0)" } == "unix:/run/a/x")
    }

    @Test func aTextHasALimit() {
        let limit = HTTPServer.textLimitBytes
        #expect(HTTPServer("h/" + String(repeating: "x", count: limit - 2)) != nil)
        #expect(HTTPServer("h/" + String(repeating: "x", count: limit - 1)) == nil)
    }
}
