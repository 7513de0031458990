public import Lookup
public import Ring
public import Telemetry

/// Asks Redis where a key leads to: the text at the key, behind a prefix, is the server and, behind a semicolon,
/// whether the server's certificate must be valid.
public final class RedisMap: Map {
    public let name: String
    private let client: RedisClient
    private let prefix: [UInt8]
    private let ring: Ring
    private let log: Log
    private var warning: MapWarning

    /// - Parameters:
    ///   - prefix: what stands before each key.
    ///   - client: this shard's, and this map's alone.
    public init(_ name: String, prefix: String, _ client: RedisClient, on ring: Ring, _ log: Log) {
        self.name = name
        self.client = client
        self.prefix = Array(prefix.utf8)
        self.ring = ring
        self.log = log
        warning = MapWarning(name)
    }

    /// Ends its connection. Who asks from now on hears that it cannot say.
    public func closed() async { await client.closed() }

    public func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer {
        do throws(RedisFailure) {
            guard let text = try await client.value(of: prefix + key.text, cancellation) else { return .missing }
            let columns = text.split(separator: UInt8(ascii: ";"), maxSplits: 1, omittingEmptySubsequences: false)
            let answer = MapColumns.answer(
                server: columns.first.map(Array.init), verifiesTLS: columns.count > 1 ? Array(columns[1]) : nil)
            if let answer { return answer }
            let reason = "its server is too long, or what is behind the semicolon no yes and no no"
            warning.note("a map's answer is of no use", reason, to: log, at: ring.now)
        } catch {
            if !cancellation.isCancelled { warning.note("a map does not answer", "\(error)", to: log, at: ring.now) }
        }
        return .failed
    }
}
