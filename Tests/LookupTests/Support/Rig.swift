import Glibc
import Lookup
import Ring
import Testing

/// A resolver on a shard of its own that asks `servers`, with little patience.
func withResolver<Result: Sendable>(
    _ servers: [DNSServer], _ change: @Sendable (inout ResolverConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (isolated Shard, Resolver) async -> Result
) async throws -> Result {
    signal(SIGPIPE, SIG_IGN)  // The library writes to its TCP connections as any program does.
    var configuration = ResolverConfiguration()
    configuration.servers = servers.map(\.address)
    configuration.timeout = .seconds(5)
    configuration.tries = 2
    configuration.searchesDomains = false
    change(&configuration)
    let shard = try Shard()
    let thread = shard.start()
    let result = await shard.perform { [configuration] shard -> Result? in
        let before = shard.ring.operationsInFlight
        guard let resolver = try? Resolver(shard.ring, configuration) else { return nil }
        let result = await body(shard, resolver)
        resolver.close()
        #expect(await shard.ring.eventually { shard.liveTasks == 0 && shard.ring.operationsInFlight == before })
        return result
    }
    await shard.stop()
    thread.join()
    return try #require(result)
}

extension Resolver {
    /// The addresses, or why there are none, within ten seconds unless `deadline` says otherwise.
    func outcome(
        of name: String, on ring: Ring, deadline: Instant? = nil
    ) async -> Result<Resolution, ResolutionError> {
        do throws(ResolutionError) {
            return .success(try await addresses(of: name, deadline: deadline ?? ring.now + .seconds(10)))
        } catch {
            return .failure(error)
        }
    }
}

extension Ring {
    /// Waits until `condition` holds; false after about ten seconds.
    func eventually(_ condition: () -> Bool) async -> Bool {
        for _ in 0..<300 {
            if condition() { return true }
            await sleep(until: now)
        }
        return condition()
    }
}

/// Runs `bodies` as tasks of the shard at the same time and waits for all of them.
func together(_ shard: isolated Shard, _ bodies: [nonisolated(nonsending) () async -> Void]) async {
    let before = shard.liveTasks
    for body in bodies { shard.spawn(body) }
    #expect(await shard.ring.eventually { shard.liveTasks <= before })
}
