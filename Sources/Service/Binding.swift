import Glibc
import Ring
import Settings

/// The listening sockets of one configured address: one a shard, so that the kernel spreads the connections.
struct Binding {
    /// In the order of the shards.
    let sockets: [ListeningSocket]

    /// How long an address that is in use is tried again: a process that used io_uring keeps its sockets for a moment
    /// after its end.
    private static let patience = Duration.seconds(1)
    private static let pauseMicroseconds: UInt32 = 20_000

    /// Blocks for up to a second where the address is in use.
    init(_ endpoint: Endpoint, shards: Int) throws(ListeningSocket.Failure) {
        let deadline = Instant.current() + Self.patience
        while true {
            do throws(ListeningSocket.Failure) {
                sockets = try Self.attempt(SocketAddress(endpoint), shards: shards)
                return
            } catch {
                guard error.isAddressInUse, Instant.current() < deadline else { throw error }
                usleep(Self.pauseMicroseconds)
            }
        }
    }

    private static func attempt(
        _ address: SocketAddress, shards: Int
    ) throws(ListeningSocket.Failure) -> [ListeningSocket] {
        guard shards > 1 else { return [try ListeningSocket.bind(address, sharesPort: false)] }
        // Sockets that share their port would also share it with another process of ours, unnoticed.
        try ListeningSocket.checkFree(address)
        let first = try ListeningSocket.bind(address, sharesPort: true)
        var sockets = [first]
        while sockets.count < shards {
            do throws(ListeningSocket.Failure) {
                sockets.append(try ListeningSocket.bind(first.address, sharesPort: true))
            } catch {
                for socket in sockets { socket.close() }
                throw error
            }
        }
        return sockets
    }
}
