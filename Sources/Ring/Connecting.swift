import CLinux
import CUring
import Glibc

extension Ring {
    /// Opens a TCP or Unix connection.
    ///
    /// - Parameters:
    ///   - source: the local address to connect from, of the same family; its port is usually 0, any.
    ///   - begun: gets the stream before it is connected; a nearer deadline ends the attempt. Where it fails, the
    ///     stream is closed.
    /// - Throws: `timedOut` where `deadline` passes first, `system` with the kernel's errno otherwise.
    /// - Returns: the connected stream, its deadline cleared.
    public func connect(
        to address: SocketAddress, from source: SocketAddress? = nil, deadline: Instant,
        begun: (Stream) -> Void = { _ in }
    ) async throws(StreamError) -> Stream {
        let descriptor = linux_stream_socket(address.family)
        guard descriptor >= 0 else { throw .system(-descriptor) }
        let stream = Stream(self, descriptor: descriptor)
        stream.deadline = deadline
        begun(stream)
        do throws(StreamError) {
            if let source { try stream.bind(source) }
            if address.isUnix { try await stream.connectNow(address) } else { try await stream.connect(address) }
        } catch {
            await stream.close()
            throw error
        }
        stream.deadline = .never
        return stream
    }
}

extension Stream {
    fileprivate func bind(_ source: SocketAddress) throws(StreamError) {
        var raw = source.raw
        let result = linux_bind_source(descriptor, &raw)
        guard result >= 0 else { throw .system(-result) }
    }

    /// A Unix socket connects at once or not at all. Without the ring, which would leave it to a worker thread to wait
    /// for room in the listener's queue; we look again from time to time.
    fileprivate func connectNow(_ address: SocketAddress) async throws(StreamError) {
        var raw = address.raw
        while true {
            if deadlineHasPassed { throw .timedOut }
            switch -linux_connect_now(descriptor, &raw) {
            case 0: return
            case EAGAIN, EINTR:
                await ring.sleep(until: min(deadline, ring.now + .milliseconds(Self.roomPauseMilliseconds)))
            case let errno: throw .system(errno)
            }
        }
    }

    private static var roomPauseMilliseconds: Int { 20 }

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
