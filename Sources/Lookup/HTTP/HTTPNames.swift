import Ring
import Wire

/// What the host names of servers stand for, in libcurl's form, kept for as long as DNS says.
///
/// The names are those of the configuration, so that there are few. Where a lookup fails and there was an answer
/// before, that is used on: a resolver's bad minute must not stop the mail.
final class HTTPNames {
    private struct Known {
        var entry: String
        var freshUntil: Instant
    }

    private let ring: Ring
    private let resolver: Resolver?
    private var known: [String: Known] = [:]

    /// From a failed lookup to the next, where there is an answer to go on with.
    private static let pauseAfterFailure = Duration.seconds(5)

    init(_ ring: Ring, _ resolver: Resolver?) {
        self.ring = ring
        self.resolver = resolver
    }

    /// `name:port:address,address`; nil where nothing has to be looked up.
    func entry(
        of server: HTTPServer, deadline: Instant, _ cancellation: Cancellation
    ) async throws(HTTPError) -> String? {
        guard server.unixSocket == nil, !server.isAddress else { return nil }
        let key = "\(server.host):\(server.port)"
        if let found = known[key], found.freshUntil > ring.now { return found.entry }
        guard let resolver else { throw .unreachable("no resolver for \(server.host)") }
        do throws(ResolutionError) {
            let resolution = try await resolver.addresses(
                of: server.host, deadline: deadline, cancellation: cancellation)
            let addresses = resolution.addresses.map { octets in
                let text = SocketAddress(octets: octets, port: 0).host
                return octets.count == 16 && text.utf8.contains(UInt8(ascii: ":")) ? "[\(text)]" : text
            }
            let entry = key + ":" + addresses.joined(separator: ",")
            known[key] = Known(entry: entry, freshUntil: ring.now + resolution.timeToLive)
            return entry
        } catch {
            guard !cancellation.isCancelled else { throw .cancelled }
            guard let old = known[key]?.entry else { throw HTTPError(error, server.host) }
            known[key]?.freshUntil = ring.now + Self.pauseAfterFailure
            return old
        }
    }
}

extension HTTPServer {
    /// The host is an IP address.
    var isAddress: Bool { host.utf8.contains(UInt8(ascii: ":")) || IPAddress(host) != nil }
}

extension HTTPError {
    fileprivate init(_ error: ResolutionError, _ host: String) {
        self = error == .timedOut ? .timedOut : .unreachable("\(host): \(error)")
    }
}
