import Glibc
import Lookup
import Ring
import TestSupport
import Testing

/// A client of HTTP on a shard of its own, with little patience.
func withHTTPClient<Result: Sendable>(
    names: [DNSServer]? = nil, _ change: @Sendable (inout HTTPConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (isolated Shard, HTTPClient) async -> Result
) async throws -> Result {
    signal(SIGPIPE, SIG_IGN)
    var configuration = HTTPConfiguration()
    configuration.leftoverTimeout = .milliseconds(100)
    change(&configuration)
    let shard = try Shard()
    let thread = shard.start()
    let result = await shard.perform { [configuration] shard -> Result? in
        let before = shard.ring.operationsInFlight
        var resolving = ResolverConfiguration()
        resolving.servers = names?.map(\.address) ?? []
        resolving.searchesDomains = false
        let resolver = names == nil ? nil : try? Resolver(shard.ring, resolving)
        guard let client = try? HTTPClient(shard.ring, resolver, configuration) else { return nil }
        let result = await body(shard, client)
        client.close()
        resolver?.close()
        #expect(await shard.ring.eventually { shard.liveTasks == 0 && shard.ring.operationsInFlight == before })
        return result
    }
    await shard.stop()
    thread.join()
    return try #require(result)
}

extension HTTPClient {
    /// The answer, or why there is none, within ten seconds unless `deadline` says otherwise.
    func outcome(
        of request: HTTPRequest = HTTPRequest(), at server: String, on ring: Ring, deadline: Instant? = nil,
        cancellation: Cancellation = Cancellation()
    ) async -> Result<HTTPAnswer, HTTPError> {
        do throws(HTTPError) {
            guard let server = HTTPServer(server) else { throw .failed("no server: \(server)") }
            return .success(
                try await answer(
                    to: request, of: server, deadline: deadline ?? ring.now + .seconds(10), cancellation: cancellation))
        } catch {
            return .failure(error)
        }
    }
}

extension Result<HTTPAnswer, HTTPError> {
    var answer: HTTPAnswer? { try? get() }

    var error: HTTPError? {
        if case .failure(let error) = self { error } else { nil }
    }
}

extension HTTPAnswer {
    func text(of name: String) -> String? { value(of: name).map { String(decoding: $0, as: UTF8.self) } }
}

extension HTTPPeer {
    var url: String { "http://\(address)/" }
}
