import Glibc
import Ring
import Synchronization

/// A name server on 127.0.0.1, UDP and TCP, that answers as a script says. On a thread of its own, until it goes.
final class DNSServer: Sendable {
    /// The messages to send back to who asks.
    typealias Script = @Sendable (Question) -> [[UInt8]]

    let address: SocketAddress
    private let udp: Int32
    private let listener: ListeningSocket
    private let stop: [Int32]
    private let thread: Thread
    private let count: Counter

    private final class Counter: Sendable {
        let questions = Atomic<Int>(0)
    }

    init(_ script: @escaping Script) throws {
        (udp, listener) = try Self.bind()
        address = listener.address
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure() }
        stop = ends
        count = Counter()
        let service = Service(udp: udp, listener: listener.descriptor, stop: ends[0], script: script)
        let counter = count
        thread = Thread.start(name: "name server") { service.run { counter.questions.add(1, ordering: .relaxed) } }
    }

    deinit {
        close(stop[1])
        thread.join()
        close(stop[0])
        close(udp)
        listener.close()
    }

    struct Failure: Error {}

    /// Questions that have come so far.
    var questions: Int { count.questions.load(ordering: .relaxed) }

    /// Both of one number.
    private static func bind() throws -> (udp: Int32, tcp: ListeningSocket) {
        for _ in 0..<100 {
            let tcp = try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
            let udp = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = tcp.address.port.bigEndian
            name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            let result = withUnsafeBytes(of: name) {
                Glibc.bind(udp, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
            }
            if result == 0 { return (udp, tcp) }
            close(udp)
            tcp.close()
        }
        throw Failure()
    }
}

/// The thread's side.
private struct Service: Sendable {
    let udp: Int32
    let listener: Int32
    let stop: Int32
    let script: DNSServer.Script

    func run(asked: () -> Void) {
        var attempts: [String: Int] = [:]
        var connections: [Int32] = []
        defer { for connection in connections { close(connection) } }
        while true {
            var watched = ([stop, udp, listener] + connections).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            guard poll(&watched, nfds_t(watched.count), -1) > 0 else { continue }
            for ready in watched where ready.revents != 0 {
                switch ready.fd {
                case stop: return
                case udp: serveDatagram(&attempts, asked)
                case listener: connections.append(accept(listener, nil, nil))
                case let connection:
                    guard !serveConnection(connection, &attempts, asked) else { continue }
                    close(connection)
                    connections.removeAll { $0 == connection }
                }
            }
        }
    }

    private func serveDatagram(_ attempts: inout [String: Int], _ asked: () -> Void) {
        var message = [UInt8](repeating: 0, count: 2048)
        var peer = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutableBytes(of: &peer) { raw in
            let name = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            let count = recvfrom(udp, &message, message.count, 0, name, &length)
            guard count > 0, let question = Question(Array(message[..<count]), isOverTCP: false, attempts: &attempts)
            else { return }
            asked()
            for answer in script(question) { sendto(udp, answer, answer.count, 0, name, length) }
        }
    }

    /// False where the connection is over.
    private func serveConnection(_ connection: Int32, _ attempts: inout [String: Int], _ asked: () -> Void) -> Bool {
        var head: [UInt8] = [0, 0]
        guard recv(connection, &head, 2, Int32(MSG_WAITALL)) == 2 else { return false }
        var message = [UInt8](repeating: 0, count: Int(head[0]) << 8 | Int(head[1]))
        guard recv(connection, &message, message.count, Int32(MSG_WAITALL)) == message.count,
            let question = Question(message, isOverTCP: true, attempts: &attempts)
        else { return false }
        asked()
        for answer in script(question) {
            let framed = [UInt8(answer.count >> 8), UInt8(answer.count & 0xff)] + answer
            send(connection, framed, framed.count, Int32(MSG_NOSIGNAL))
        }
        return true
    }
}
