import Glibc
public import Ring
public import TLS

/// A server of HTTP that answers as a script says: a thread for the door and one for each connection, until it goes.
public final class HTTPPeer: Sendable {
    /// A request that has come.
    public struct Request: Sendable {
        /// The lines of the header, the request line first, without their ends.
        public let lines: [String]
        /// The number of the connection, from 1 on.
        public let connection: Int
        /// The number of the request, from 1 on, over all connections.
        public let number: Int

        /// The values of all fields of that name.
        public func values(_ name: String) -> [String] {
            lines.filter { $0.hasPrefix(name + ":") }.map { line in
                String(line.dropFirst(name.count + 1).drop { $0 == " " })
            }
        }
    }

    /// What is done about a request, one after the other.
    public enum Step: Sendable {
        case send([UInt8])
        /// Does something else in between, for as long as that takes.
        case run(@Sendable () -> Void)
        /// Ends the connection in order.
        case close
        /// Breaks it.
        case reset
        /// Says nothing more until the other end goes.
        case silence

        public static func send(_ text: String) -> Step { .send(Array(text.utf8)) }
    }

    public typealias Script = @Sendable (Request) -> [Step]

    public let address: SocketAddress
    private let listener: ListeningSocket
    private let stop: [Int32]
    private let service: Service
    private let door: Thread

    private struct State {
        var connections = 0
        var requests: [Request] = []
        var threads: [Thread] = []
    }

    /// - Parameters:
    ///   - address: nil: a free port of 127.0.0.1.
    ///   - tls: for https.
    public init(at address: SocketAddress? = nil, tls: TLSServerConfiguration? = nil, _ script: @escaping Script) throws
    {
        listener = try ListeningSocket.bind(address ?? .loopback(port: 0), sharesPort: false)
        self.address = listener.address
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Peer.Failure(description: "pipe: errno \(errno)") }
        stop = ends
        let service = Service(listener: listener.descriptor, stop: ends[0], tls: tls, script: script)
        self.service = service
        door = Thread.start(name: "http door") { service.run() }
    }

    deinit {
        close(stop[1])
        door.join()
        service.join()
        close(stop[0])
        listener.close()
    }

    public var port: UInt16 { address.port }
    /// All requests so far.
    public var requests: [Request] { service.requests }
    /// Connections so far.
    public var connections: Int { service.connections }

    /// An answer of HTTP/1.1 with these fields, after which the connection goes on.
    public static func answer(_ fields: String..., status: String = "200 OK", body: String = "") -> [Step] {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + fields
        return [.send(lines.map { $0 + "\r\n" }.joined() + "\r\n" + body)]
    }

    /// The threads' side.
    private final class Service: Sendable {
        private let listener: Int32
        private let stop: Int32
        private let tls: TLSServerConfiguration?
        private let script: Script
        private let state = Locked(State())

        init(listener: Int32, stop: Int32, tls: TLSServerConfiguration?, script: @escaping Script) {
            self.listener = listener
            self.stop = stop
            self.tls = tls
            self.script = script
        }

        var requests: [Request] { state.withLock { $0.requests } }
        var connections: Int { state.withLock { $0.connections } }

        func run() {
            while true {
                var watched = [stop, listener].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                guard poll(&watched, nfds_t(watched.count), -1) > 0 else { continue }
                guard watched[0].revents == 0 else { return }
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { continue }
                state.withLock { state in
                    state.connections += 1
                    let number = state.connections
                    state.threads.append(Thread.start(name: "http peer") { self.serve(descriptor, number) })
                }
            }
        }

        func join() {
            for thread in state.withLock({ $0.threads }) { thread.join() }
        }

        private func serve(_ descriptor: Int32, _ connection: Int) {
            let peer = Peer(descriptor: descriptor)
            defer { peer.close() }
            do {
                if let tls { try peer.secureAsServer(TLSServerContext(tls)) }
                while try peer.hasMore {
                    var lines: [String] = []
                    while let line = try? peer.line(), !line.isEmpty { lines.append(line) }
                    let request = state.withLock { state in
                        let request = Request(
                            lines: lines, connection: connection, number: state.requests.count + 1)
                        state.requests.append(request)
                        return request
                    }
                    for step in script(request) where try !take(step, peer) { return }
                }
            } catch {}  // The other end has gone; what it has seen is the test's to judge.
        }

        /// False where the connection is over.
        private func take(_ step: Step, _ peer: Peer) throws -> Bool {
            switch step {
            case .send(let bytes): try peer.send(bytes)
            case .run(let body): body()
            case .close:
                try peer.finish()
                _ = try? peer.readToEnd()
                return false
            case .reset:
                peer.reset()
                return false
            case .silence:
                _ = try peer.readToEnd()
                return false
            }
            return true
        }
    }
}
