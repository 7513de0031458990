import CMicroHTTPD
import Ring
import Telemetry

/// What somebody asks for at the admin endpoint. All of it comes from outside.
struct AdminRequest: Sendable {
    let path: String
    /// Nil where there is none.
    let host: String?
    /// The argument `limit`; nil where there is none.
    let limit: String?
}

/// What the admin endpoint answers.
struct AdminReply: Sendable, Equatable {
    var status: UInt32 = 200
    var type = AdminReply.plainText
    var body: String

    static let plainText = "text/plain; charset=utf-8"
    static let html = "text/html; charset=utf-8"
    static let json = "application/json"
}

/// The HTTP server of the admin endpoint, on threads of its own: neither its clients nor what it computes ever wait on
/// a shard's thread or hold one up.
final class AdminServer: Sendable {
    /// The socket it listens at.
    let socket: ListeningSocket
    private let interruption = Interruption()
    private let thread = Locked<Thread?>(nil)

    /// Connections at once; more wait in the socket's queue.
    static let connectionsMax = 32
    /// Bytes of memory for one request, its fields and those of its answer.
    private static let connectionBytesMax = 16_384
    /// How long a connection may live: for a request, and for the answer to be taken.
    private static let lifeMilliseconds: UInt64 = 10_000
    /// The same while most connections are taken: who says nothing must not keep others out.
    private static let shortLifeMilliseconds: UInt64 = 1_000
    private static let crowdedAt = connectionsMax / 2
    /// Between two looks at the age of connections.
    private static let interval = Duration.milliseconds(500)

    /// Begins to serve at a socket, bound here or handed over. All signals have to be blocked by then. Where the system
    /// does not allow it, the socket stays as it is.
    ///
    /// - Parameter answer: called on the server's thread, for one request at a time. It may block for a moment.
    /// - Returns: nil where that cannot be.
    static func start(at socket: ListeningSocket, answer: @escaping @Sendable (AdminRequest) -> AdminReply)
        -> AdminServer?
    {
        let server = AdminServer(socket)
        let began = BlockingQueue<Bool>(limit: 1)
        let thread = Thread.start(name: "admin") { server.serve(answer) { _ = began.push($0) } }
        guard began.pop() == true else {
            thread.join()
            return nil
        }
        server.thread.withLock { $0 = thread }
        return server
    }

    private init(_ socket: ListeningSocket) {
        self.socket = socket
    }

    /// Ends all connections and the threads. Once.
    ///
    /// - Parameter closesSocket: false where another process goes on listening at it.
    func close(closesSocket: Bool = true) {
        interruption.interrupt()
        thread.withLock { $0.take() }?.join()
        if closesSocket { socket.close() }
    }

    private func serve(_ answer: @escaping @Sendable (AdminRequest) -> AdminReply, began: (Bool) -> Void) {
        let desk = Desk(answer)
        let options = cmicrohttpd_options(
            connections_max: UInt32(Self.connectionsMax), connection_bytes_max: Self.connectionBytesMax,
            handler: Desk.handle, context: Unmanaged.passUnretained(desk).toOpaque())
        guard let server = cmicrohttpd_start(socket.descriptor, options) else { return began(false) }
        began(true)
        while interruption.wait(until: .current() + Self.interval) != .interrupted {
            let isCrowded = cmicrohttpd_connections(server) >= Self.crowdedAt
            cmicrohttpd_expire(server, isCrowded ? Self.shortLifeMilliseconds : Self.lifeMilliseconds)
        }
        withExtendedLifetime(desk) { cmicrohttpd_stop(server) }
    }

    /// Between the library's callback and the answers.
    private final class Desk {
        private let answer: @Sendable (AdminRequest) -> AdminReply

        init(_ answer: @escaping @Sendable (AdminRequest) -> AdminReply) {
            self.answer = answer
        }

        static let handle: cmicrohttpd_handler = { context, request, answer in
            guard let context, let request = request?.pointee else { return }
            let desk = Unmanaged<Desk>.fromOpaque(context).takeUnretainedValue()
            var reply = desk.answer(
                AdminRequest(
                    path: request.path.map { String(cString: $0) } ?? "",
                    host: request.host.map { String(cString: $0) },
                    limit: request.limit.map { String(cString: $0) }))
            reply.body.withUTF8 {
                cmicrohttpd_answer_set(answer, reply.status, reply.type, $0.baseAddress, $0.count)
            }
        }
    }
}
