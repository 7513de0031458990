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
    static let connectionsMax = 128
    /// Bytes of memory for one request, its fields and those of its answer.
    private static let connectionBytesMax = 16_384
    private static let crowdedAt = connectionsMax / 2

    /// How long a connection may take.
    private struct Patience {
        /// For a whole request.
        let requestMilliseconds: UInt64
        /// For its answer to be taken.
        let answerMilliseconds: UInt64
        /// Between two looks at connections.
        let interval: Duration

        static let usual = Patience(
            requestMilliseconds: 10_000, answerMilliseconds: 10_000, interval: .milliseconds(500))
        /// While most connections are taken: who says nothing must not keep others out, not even a thousand who come
        /// again and again.
        static let crowded = Patience(
            requestMilliseconds: 200, answerMilliseconds: 1_000, interval: .milliseconds(50))
    }

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
        var patience = Patience.usual
        while interruption.wait(until: .current() + patience.interval) != .interrupted {
            patience = cmicrohttpd_connections(server) >= Self.crowdedAt ? .crowded : .usual
            cmicrohttpd_expire(server, patience.requestMilliseconds, patience.answerMilliseconds)
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
