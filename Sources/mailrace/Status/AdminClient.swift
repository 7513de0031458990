import CCurl
import Lookup
import Service
import Settings

/// Asks a running Mailrace at its admin endpoint.
struct AdminClient {
    /// Why there is no answer.
    struct Failure: Error, Equatable {
        let reason: String
    }

    let address: Settings.ListenAddress

    /// The endpoint is on this machine, and answers within its own patience of half a second.
    private static let patienceMilliseconds: UInt32 = 5_000
    /// A thousand sessions take less than half of it.
    private static let bodyBytesMax = 4 << 20

    /// The JSON at `path`, which is ASCII without blanks. Blocks for at most five seconds.
    func document(_ path: String) throws(Failure) -> JSONDocument {
        var answer = ccurl_answer()
        withRequest(path) { ccurl_get($0, &answer) }
        defer { ccurl_release(&answer) }
        guard answer.status != 0 else {
            throw Failure(reason: "no Mailrace answers at \(address): \(Self.text(of: answer))")
        }
        guard answer.status == 200 else {
            throw Failure(reason: "what answers at \(address) says \(answer.status) to \(path)")
        }
        let body = Array(UnsafeBufferPointer(start: answer.body, count: answer.length))
        do throws(JSONDocument.Failure) { return try JSONDocument(body) } catch {
            throw Failure(reason: "what answers at \(address) is no Mailrace: \(error.reason)")
        }
    }

    private func withRequest(_ path: String, _ body: (UnsafePointer<ccurl_request>) -> Void) {
        let (host, socket) = target
        "http://\(host)\(path)".withCString { url in
            (socket ?? "").withCString { unix in
                var request = ccurl_request(
                    url: url, unix_socket: socket == nil ? nil : unix, timeout_ms: Self.patienceMilliseconds,
                    body_bytes_max: Self.bodyBytesMax)
                body(&request)
            }
        }
    }

    /// The host and port of the URL, and the Unix socket where it is one. Who listens on all addresses does on
    /// loopback.
    private var target: (host: String, socket: String?) {
        switch address {
        case .unix(let path): return ("localhost", path.text)
        case .ip(let endpoint):
            guard endpoint.isWildcard else { return ("\(endpoint)", nil) }
            return (endpoint.isIPv6 ? "[::1]:\(endpoint.port)" : "127.0.0.1:\(endpoint.port)", nil)
        }
    }

    private static func text(of answer: ccurl_answer) -> String {
        let text = withUnsafeBytes(of: answer.error) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return TableText.visible(text, limit: 200)
    }
}
