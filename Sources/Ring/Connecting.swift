import CLinux
import CUring
import Glibc

extension Ring {
    /// Opens a TCP connection.
    ///
    /// - Parameter begun: gets the stream before it is connected; a nearer deadline ends the attempt. Where it fails,
    ///   the
    ///   stream is closed.
    /// - Throws: `timedOut` where `deadline` passes first, `system` with the kernel's errno otherwise.
    /// - Returns: the connected stream, its deadline cleared.
    public func connect(
        to address: SocketAddress, deadline: Instant, begun: (Stream) -> Void = { _ in }
    ) async throws(StreamError) -> Stream {
        let descriptor = linux_tcp_socket(address.family)
        guard descriptor >= 0 else { throw .system(-descriptor) }
        let stream = Stream(self, descriptor: descriptor)
        stream.deadline = deadline
        begun(stream)
        do throws(StreamError) {
            try await stream.connect(address)
        } catch {
            await stream.close()
            throw error
        }
        stream.deadline = .never
        return stream
    }
}

extension Stream {
    fileprivate func connect(_ address: SocketAddress) async throws(StreamError) {
        if deadlineHasPassed { throw .timedOut }
        let raw = UnsafeMutablePointer<linux_address>.allocate(capacity: 1)
        raw.initialize(to: address.raw)
        defer { raw.deallocate() }
        let completion = await ring.perform(named: { sending = $0 }) {
            uring_connect($0, descriptor, raw, raw.pointee.length, $1)
        }
        switch -completion.result {
        case 0: return
        case ECANCELED: throw .timedOut
        default: throw .system(-completion.result)
        }
    }
}
