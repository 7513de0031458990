import Glibc
public import Ring
import TLS

/// One end of a TCP connection, driven by hand: blocking calls, each with a limit of time, on whatever thread the test
/// runs. It remembers everything it was sent.
///
/// Not Sendable: one thread at a time uses it.
public final class Peer {
    let descriptor: Int32
    private var isClosed = false
    var engine: TLSEngine?
    private var unread: ArraySlice<UInt8> = []
    /// All that the other end has sent, without TLS framing.
    public private(set) var received: [UInt8] = []
    /// Bytes given to `send`, without TLS framing.
    public private(set) var sentBytes = 0
    /// How the other end has ended its direction, once it has and this end has read that far.
    public private(set) var end: End?
    /// The other end gave TLS's notice before it ended (close_notify).
    public internal(set) var wasNotified = false

    public enum End: Equatable, Sendable {
        case closed
        case reset
    }

    /// A peer does not do what the test expects.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String

        public init(description: String) { self.description = description }
    }

    /// How long a peer waits for the other end before the test fails.
    public static let patienceSeconds = 20

    /// Takes over a connected socket.
    public init(descriptor: Int32) {
        self.descriptor = descriptor
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        let length = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, length)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, length)
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Connects to 127.0.0.1.
    ///
    /// - Parameter windowBytes: the receive buffer to ask for, to be a slow reader soon; by default the system's.
    public convenience init(port: UInt16, windowBytes: Int32? = nil) throws {
        try self.init()
        if var windowBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &windowBytes, socklen_t(MemoryLayout<Int32>.size))
        }
        try connect(port: port)
    }

    /// A socket that is still to be connected.
    public convenience init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(description: "socket: errno \(errno)") }
        self.init(descriptor: descriptor)
    }

    /// Connects to 127.0.0.1.
    public func connect(port: UInt16) throws {
        var address = sockaddr_in.loopback(port: port)
        guard address.withPointer({ Glibc.connect(descriptor, $0, $1) }) < 0 else { return }
        // Interrupted, it goes on by itself.
        var error = errno
        if error == EINTR { error = outcomeOfConnect() }
        guard error == 0 else { throw Failure(description: "connect: errno \(error)") }
    }

    private func outcomeOfConnect() -> Int32 {
        var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard uninterrupted({ Glibc.poll(&poll, 1, Int32(Self.patienceSeconds) * 1000) }) > 0 else { return ETIMEDOUT }
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
        return error
    }

    deinit { close() }

    // MARK: Speaking

    public func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    /// Sends all of `bytes`, in one piece if they are not too many.
    public func send(_ bytes: [UInt8]) throws {
        sentBytes += bytes.count
        try sendRaw(sealed(bytes))
    }

    /// Sends bytes as they are, inside TLS or not.
    public func sendRaw(_ bytes: [UInt8]) throws {
        try Self.sendRaw(bytes, to: descriptor)
    }

    static func sendRaw(_ bytes: [UInt8], to descriptor: Int32) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { bytes in
                uninterrupted { Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL)) }
            }
            guard count > 0 else { throw Failure(description: "send: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Sends as much as the system takes until nothing more moves for a tenth of a second: the reader is stuck.
    public func sendWhatFits(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard uninterrupted({ Glibc.poll(&poll, 1, 100) }) > 0 else { return }
            let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
            guard count > 0 else { throw Failure(description: "send: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    /// True where the other end's system has not acknowledged all that was sent: some of it may not be there yet.
    public var hasBytesUnderway: Bool {
        var bytes: Int32 = 0
        return !isClosed && ioctl(descriptor, Self.unacknowledgedBytes, &bytes) == 0 && bytes > 0
    }

    /// Linux: SIOCOUTQ.
    private static let unacknowledgedBytes: UInt = 0x5411

    /// Sends on a thread of its own, so that this one can read meanwhile. To be joined before the peer is used to
    /// send again.
    public func sendInBackground(_ bytes: [UInt8]) -> Thread {
        let records = sealed(bytes)
        return Thread.start(name: "peer") { [descriptor] in try? Self.sendRaw(records, to: descriptor) }
    }

    // MARK: Leaving

    /// Ends this end's direction: TLS's notice, where there is TLS, and FIN.
    public func finish() throws {
        try sendRaw(sealedEnd())
        finishRaw()
    }

    /// Ends this end's direction with a FIN and no notice.
    public func finishRaw() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Breaks the connection (RST).
    public func reset() {
        var hard = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    public func close() {
        guard !isClosed else { return }
        isClosed = true
        Glibc.close(descriptor)
    }

    // MARK: Listening

    /// Reads the next bytes, which have to be these.
    public func expect(_ text: String) throws {
        try expect(Array(text.utf8))
    }

    /// Reads the next bytes, which have to be these.
    public func expect(_ bytes: [UInt8]) throws {
        var agreed = 0
        while agreed < bytes.count {
            let length = min(unread.count, bytes.count)
            guard Self.agree(unread, bytes, in: agreed..<length) else { break }
            agreed = length
            guard agreed < bytes.count, try receive() else { break }
        }
        guard agreed == bytes.count else {
            throw Failure(description: "expected \(Self.shown(bytes)), got \(Self.shown(unread)) and \(shownEnd)")
        }
        unread = unread.dropFirst(bytes.count)
    }

    private static func agree(_ first: ArraySlice<UInt8>, _ second: [UInt8], in range: Range<Int>) -> Bool {
        first.withUnsafeBytes { first in
            second.withUnsafeBytes { second in
                range.isEmpty
                    || memcmp(
                        first.baseAddress! + range.lowerBound, second.baseAddress! + range.lowerBound, range.count) == 0
            }
        }
    }

    /// Reads a line, which has to end in CRLF, and returns it without that.
    public func line() throws -> String {
        let line = try bareLine()
        guard line.utf8.last == 13 else {
            throw Failure(description: "a bare LF behind \(Self.shown(Array(line.utf8)[...]))")
        }
        return String(decoding: line.utf8.dropLast(), as: UTF8.self)
    }

    /// Reads a line up to a line feed, and returns it without that.
    public func bareLine() throws -> String {
        while true {
            if let end = unread.firstIndex(of: 10) {
                let line = unread[unread.startIndex..<end]
                unread = unread[(end + 1)...]
                return String(decoding: line, as: UTF8.self)
            }
            guard try receive() else { throw Failure(description: "no line but \(Self.shown(unread)) and \(shownEnd)") }
        }
    }

    /// Reads at least `count` more bytes, if the other end sends as many.
    public func read(atLeast count: Int) throws -> [UInt8] {
        while unread.count < count, try receive() {}
        defer { unread = [] }
        return Array(unread)
    }

    /// Reads `count` more bytes.
    public func read(exactly count: Int) throws -> [UInt8] {
        while unread.count < count {
            guard try receive() else { throw Failure(description: "fewer than \(count) bytes, and \(shownEnd)") }
        }
        defer { unread = unread.dropFirst(count) }
        return Array(unread.prefix(count))
    }

    /// Reads as many bytes as they are, before TLS begins, and nothing that follows them.
    public func readRaw(exactly count: Int) throws -> [UInt8] {
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        guard uninterrupted({ recv(descriptor, &bytes, count, Int32(MSG_WAITALL)) }) == count else {
            throw Failure(description: "fewer than \(count) bytes")
        }
        return bytes
    }

    /// Reads until the other end ends, and returns what came before.
    public func readToEnd() throws -> [UInt8] {
        while try receive() {}
        defer { unread = [] }
        return Array(unread)
    }

    /// The other end ends next, and says nothing before.
    public func expectEnd() throws {
        let rest = try readToEnd()
        guard rest.isEmpty else { throw Failure(description: "expected the end, got \(Self.shown(rest))") }
    }

    /// True once there are bytes to read, false where the other end has ended without.
    public var hasMore: Bool {
        get throws {
            while unread.isEmpty { guard try receive() else { return false } }
            return true
        }
    }

    /// True where neither bytes nor an end can be read at this moment.
    public var isQuiet: Bool {
        var byte: UInt8 = 0
        let flags = Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)
        return unread.isEmpty && end == nil && recv(descriptor, &byte, 1, flags) < 0 && errno == EAGAIN
    }

    /// True as soon as there is something to receive: bytes or the end.
    public func hasInput(withinMilliseconds limit: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return !unread.isEmpty || uninterrupted({ Glibc.poll(&poll, 1, limit) }) > 0
    }

    /// Receives once; false where the other end has ended.
    @discardableResult
    public func receive() throws -> Bool {
        guard end == nil else { return false }
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = uninterrupted { recv(descriptor, &chunk, chunk.count, 0) }
        switch count {
        case 1...:
            let plaintext = try opened(Array(chunk[..<count]))
            received += plaintext
            unread += plaintext
        case 0: end = .closed
        default:
            guard [ECONNRESET, EPIPE].contains(errno) else {
                throw Failure(description: "receive: errno \(errno) after \(Self.shown(received.suffix(200)))")
            }
            end = .reset
        }
        return end == nil
    }

    var shownEnd: String { end.map { "\($0)" } ?? "more to come" }

    static func shown(_ bytes: some Collection<UInt8>) -> String {
        let text = String(decoding: bytes.prefix(300), as: UTF8.self).debugDescription
        return bytes.count > 300 ? "\(text)... (\(bytes.count) bytes)" : text
    }
}

extension sockaddr_in {
    static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    mutating func withPointer<Result>(_ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafeMutablePointer(to: &self) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}

/// Makes a system call again as long as it is interrupted: by the end of an io_uring on this thread, for one.
func uninterrupted<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result >= 0 || errno != EINTR { return result }
    }
}
