import CLinux
import Glibc

@testable import Ring

/// Two connected sockets: one for a stream, one to be driven by hand.
struct Pair: Sendable {
    let ours: Int32
    let theirs: Int32

    /// Two ends of a Unix socket.
    init() {
        var ends: [Int32] = [0, 0]
        precondition(linux_socket_pair(&ends) == 0)
        ours = ends[0]
        theirs = ends[1]
    }

    private init(ours: Int32, theirs: Int32) {
        self.ours = ours
        self.theirs = theirs
    }

    /// Two ends of a TCP connection over the loopback interface.
    static func tcp() -> Pair {
        guard let listener = try? ListeningSocket.bind(.loopback(port: 0), sharesPort: false) else {
            preconditionFailure("no listener")
        }
        defer { listener.close() }
        let theirs = dial(listener.address)
        let ours = accept(listener.descriptor, nil, nil)
        precondition(ours >= 0)
        return Pair(ours: ours, theirs: theirs)
    }

    /// Writes all of `text` into the far end; false where the connection has broken.
    @discardableResult
    func say(_ text: String) -> Bool {
        say(Array(text.utf8))
    }

    @discardableResult
    func say(_ bytes: [UInt8]) -> Bool {
        let flags = Int32(LINUX_MSG_NOSIGNAL.rawValue)
        return bytes.withUnsafeBytes { send(theirs, $0.baseAddress, $0.count, flags) } == bytes.count
    }

    /// Reads what waits at the far end, up to 64 KiB; blocks until there is something.
    func hear() -> String {
        withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 1) { memory in
            let length = read(theirs, memory.baseAddress, memory.count)
            return length <= 0 ? "" : String(decoding: memory[..<length], as: UTF8.self)
        }
    }

    /// Ends the far end's sending direction.
    func finish() { linux_shutdown_write(theirs) }

    func hangUp() { close(theirs) }

    /// Closes the far end so that ours sees a reset.
    func reset() {
        linux_reset_on_close(theirs)
        close(theirs)
    }

    /// Bytes that wait at the far end.
    var waiting: Int { Int(linux_readable_bytes(theirs)) }

    /// Makes both ends hold little, so that a writer soon has to wait.
    func narrow() -> Pair {
        for descriptor in [ours, theirs] {
            var size: Int32 = 4096
            setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, 4)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
        }
        return self
    }
}

/// A socket connected to `address`; blocks until it is.
func dial(_ address: SocketAddress) -> Int32 {
    let descriptor = linux_stream_socket(address.family)
    precondition(descriptor >= 0)
    let raw = address.raw
    let result = withUnsafeBytes(of: raw) { bytes in
        connect(descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), raw.length)
    }
    precondition(result == 0, "connect: \(systemErrorText(errno))")
    return descriptor
}

/// Descriptors this process has open.
func openDescriptors() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return -1 }
    defer { closedir(directory) }
    var count = -1  // The directory's own.
    while let entry = readdir(directory) { if entry.pointee.d_name.0 != 0x2e { count += 1 } }
    return count
}
