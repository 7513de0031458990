import Glibc
import Lookup
import Ring

// Connections to its servers.
extension UpstreamPool {
    /// The next local address to dial `address` from, of its family; nil: the system chooses.
    func source(for address: SocketAddress) -> SocketAddress? {
        guard !settings.sources.isEmpty else { return nil }
        let fitting = settings.sources.filter { $0.octets.count == address.octets.count }
        guard !fitting.isEmpty, !address.isUnix else { return nil }
        sourceTurn = (sourceTurn + 1) % fitting.count
        return fitting[sourceTurn]
    }

    /// Opens a connection to `server`: the addresses its name has, one after the other.
    ///
    /// - Parameter begun: gets each stream before it is connected.
    func connect(
        to server: UpstreamServer, within limit: Duration, begun: (Stream) -> Void
    ) async throws(DialError) -> Stream {
        let deadline = ring.now + limit
        let addresses = try await server.names.addresses(on: ring, by: deadline)
        var failure = DialError.timedOut
        for (index, address) in addresses.enumerated() {
            let now = ring.now
            guard now < deadline else { break }
            // An address that does not answer must leave time for the others.
            let share = deadline.nanoseconds(since: now) / UInt64(addresses.count - index)
            do throws(StreamError) {
                let stream = try await ring.connect(
                    to: address, from: source(for: address), deadline: now.adding(nanoseconds: share), begun: begun)
                server.names.prefer(address)
                return stream
            } catch {
                failure = .notConnected(address, error)
            }
        }
        throw failure
    }
}

/// Why a server could not be connected.
enum DialError: Error, CustomStringConvertible {
    /// Its name leads nowhere.
    case unresolved(ResolutionError)
    /// The last of its addresses did not take the connection.
    case notConnected(SocketAddress, StreamError)
    /// The time was over before its first address was tried.
    case timedOut

    /// No fault of the server's: this process or its machine is short of something.
    var isOurs: Bool {
        switch self {
        case .notConnected(_, .system(let errno)):
            [EMFILE, ENFILE, ENOMEM, ENOBUFS, EADDRNOTAVAIL].contains(errno)
        case .unresolved(.tooManyNames), .unresolved(.closed), .unresolved(.unusable): true
        default: false
        }
    }

    var description: String {
        switch self {
        case .unresolved(let error): "name not resolved: \(error)"
        case .notConnected(let address, let error): "\(address): \(error)"
        case .timedOut: "timed out"
        }
    }
}
