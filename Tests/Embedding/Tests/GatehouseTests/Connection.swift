import Glibc

struct Failure: Error {
    let text: String
}

/// A TCP connection over loopback that says and hears lines. Blocks, at most ten seconds.
final class Connection {
    private let descriptor: Int32
    private var unread: [UInt8] = []

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Calls this port.
    convenience init(to port: UInt16) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let result = withLoopback(port: port) { connect(descriptor, $0, $1) }
        guard result == 0 else { throw Failure(text: "connect: errno \(errno)") }
        self.init(descriptor)
    }

    deinit { close(descriptor) }

    /// Says and hears nothing more.
    func leave() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    func say(_ line: String) {
        let bytes = Array("\(line)\r\n".utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// The next line without its end; nil at the end.
    func hear() throws -> String? {
        while true {
            if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: unread[..<end].filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
                unread.removeSubrange(...end)
                return line
            }
            var chunk = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count >= 0 else { throw Failure(text: "recv: errno \(errno)") }
            guard count > 0 else { return nil }
            unread += chunk[..<count]
        }
    }

    /// The last line of the reply to a command.
    func ask(_ command: String) throws -> String {
        say(command)
        return try reply()
    }

    func reply() throws -> String {
        while let line = try hear() {
            if line.dropFirst(3).first != "-" { return line }
        }
        throw Failure(text: "closed in place of a reply")
    }
}

/// Listens on a free port of loopback.
struct Doorway: Sendable {
    private let descriptor: Int32
    let port: UInt16

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard withLoopback(port: 0, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 16) == 0 else {
            throw Failure(text: "cannot listen: errno \(errno)")
        }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
    }

    /// Waits for somebody; nil once it is closed.
    func accept() -> Connection? {
        let client = Glibc.accept(descriptor, nil, nil)
        return client >= 0 ? Connection(client) : nil
    }

    func close() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

private func withLoopback(port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}
