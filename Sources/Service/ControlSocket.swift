import CLinux
import Glibc
import Ring
import Telemetry

/// The Unix socket by which an administrator asks the running server for something and waits for the outcome.
///
/// A request is one line, the answer some lines of which the last is `ok`, `failed` or `ending` (`ControlProtocol`).
/// One request is served at a time, on a thread of its own; others wait in the socket's queue.
final class ControlSocket: Sendable {
    private let events: ServerEvents
    private let log: Log
    /// Ends the thread between two requests.
    private let ending = Interruption()
    /// Ends a request, too.
    private let cutting = Interruption()
    private let thread = Locked<Thread?>(nil)
    /// The socket of now.
    private let place: Locked<Place>

    private let patience: Duration
    private let interval: Duration
    private let source: String

    /// Short, as the next one waits meanwhile.
    static let patience = Duration.seconds(1)
    /// For a client to take the answer.
    private static let answerPatience = Duration.seconds(10)
    /// Between two looks whether the socket's file is still there.
    static let interval = Duration.seconds(2)
    /// Between two tries to accept a connection that cannot be accepted.
    private static let pause = Duration.milliseconds(100)

    /// Listens at `address`, which only root and this process's user may open: who asks waits until `begin`. Where
    /// that cannot be, a warning tells why, and the server goes on without.
    ///
    /// - Parameters:
    ///   - inherited: the socket of the process that this one replaces.
    ///   - source: the configuration that a reload reads, as a client is told.
    ///   - patience: for a client to say what it wants.
    ///   - interval: between two looks whether the socket's file is still there.
    static func open(
        at address: SocketAddress, inherited: ListeningSocket? = nil, _ events: ServerEvents, _ log: Log,
        source: String, patience: Duration = ControlSocket.patience, interval: Duration = ControlSocket.interval
    ) -> ControlSocket? {
        do throws(ListeningSocket.Failure) {
            let socket = if let inherited { inherited } else { try bind(address) }
            return ControlSocket(socket, events, log, source, patience, interval)
        } catch {
            log.warning("no control socket, so 'mailrace reload' is not available: \(error)")
            return nil
        }
    }

    private init(
        _ socket: ListeningSocket, _ events: ServerEvents, _ log: Log, _ source: String, _ patience: Duration,
        _ interval: Duration
    ) {
        place = Locked(Place(socket: socket))
        self.events = events
        self.log = log
        self.source = source
        self.patience = patience
        self.interval = interval
    }

    private static func bind(_ address: SocketAddress) throws(ListeningSocket.Failure) -> ListeningSocket {
        try ListeningSocket.bind(address, sharesPort: false, mode: 0o600)
    }

    /// Serves those who ask. Once.
    func begin() {
        let thread = Thread.start(name: "control") { self.serve() }
        self.thread.withLock { $0 = thread }
    }

    /// Ends the thread, and a request that is being served; removes the socket. Once.
    func close() {
        cutting.interrupt()
        endThread(saying: .ending)
        socket.close()
    }

    /// Ends the thread after the request that it is at, and closes the socket for this process alone: the file is
    /// another one's. Once.
    func leave() {
        endThread(saying: .unavailable(["another process serves now: ask once more"]))
        socket.leave()
    }

    /// Whoever ends the thread may be the one whom a request waits for: it is answered first.
    private func endThread(saying report: RequestReport) {
        stopTaking()
        events.endRequests(with: report)
        thread.withLock { $0.take() }?.join()
    }

    /// Takes no more requests after the one that is being served: those who wait are for another process.
    func stopTaking() {
        ending.interrupt()
    }

    /// The socket, which a process that takes this one's place gets.
    var socket: ListeningSocket { place.withLock { $0.socket } }

    private func serve() {
        while true {
            let socket = socket
            switch ending.wait(for: socket.descriptor, until: .current() + interval) {
            case .ready: serveNext(of: socket)
            case .late: keepPlace()
            case .interrupted: return
            }
        }
    }

    /// Only this thread changes the place.
    private func keepPlace() {
        var kept = place.withLock { $0 }
        kept.keep(log)
        place.withLock { $0 = kept }
    }

    private func serveNext(of socket: ListeningSocket) {
        guard let client = socket.takeWaiting() else {
            // Descriptors are short, most likely: who waits at the socket goes on waiting.
            _ = ending.wait(until: .current() + Self.pause)
            return
        }
        defer { linux_close(client) }
        guard Self.mayAsk(client) else {
            return log.warning("a request at the control socket was refused: it is not root's nor ours")
        }
        let connection = ControlConnection(client, cutting)
        guard let line = connection.readLine(within: patience) else { return }
        _ = connection.write(answer(to: line), within: Self.answerPatience)
    }

    /// The socket, which is bound anew where somebody has removed its file.
    private struct Place {
        var socket: ListeningSocket
        private var isLost = false

        init(socket: ListeningSocket) {
            self.socket = socket
        }

        /// Looks whether the file is still there. Says once that it is not, and goes on looking until it can be made.
        mutating func keep(_ log: Log) {
            guard socket.hasLostFile else { return }
            do throws(ListeningSocket.Failure) {
                let next = try ControlSocket.bind(socket.address)
                socket.close()
                socket = next
                isLost = false
                log.warning("the file of the control socket had been removed: it is made anew")
            } catch {
                if !isLost { log.warning("the file of the control socket has been removed: \(error)") }
                isLost = true
            }
        }
    }

    private static func mayAsk(_ client: Int32) -> Bool {
        var user: UInt32 = 0
        guard linux_peer_user(client, &user) >= 0 else { return false }
        return user == 0 || user == geteuid()
    }

    private func answer(to request: String) -> String {
        switch request {
        case ControlProtocol.reload:
            log.info("reload asked for at the control socket")
            var report = events.reload()
            if report.isDone { report.facts.append("read: \(source)") }
            return ControlProtocol.answer(report)
        case ControlProtocol.upgrade:
            log.info("upgrade asked for at the control socket")
            return ControlProtocol.answer(events.upgrade())
        default: return ControlProtocol.answer(.refused(["there is no request '\(request.prefix(40))'"]))
        }
    }
}

/// What is said at the control socket. Lines end with LF.
enum ControlProtocol {
    static let reload = "reload"
    static let upgrade = "upgrade"
    static let done = "ok"
    static let failed = "failed"
    static let unavailable = "unavailable"
    /// The process is about to end.
    static let ending = "ending"

    /// Bytes of a request, its line end included.
    static let requestBytesMax = 64
    /// Bytes of an answer; what is longer is cut, and still ends with its last line.
    static let answerBytesMax = 1 << 20

    /// The lines of an answer: what is to be told, and the outcome.
    static func answer(_ report: RequestReport) -> String {
        let lines = report.facts + report.problems.map { "error: \($0)" } + report.warnings.map { "warning: \($0)" }
        var text = ""
        for line in lines {
            let shown = line.split(whereSeparator: \.isNewline).joined(separator: " ") + "\n"
            guard text.utf8.count + shown.utf8.count <= answerBytesMax - 64 else { break }
            text += shown
        }
        let last =
            switch report.outcome {
            case .done: done
            case .refused: failed
            case .unavailable: unavailable
            case .ending: ending
            }
        return text + last + "\n"
    }
}

/// One connection at the control socket, on either side.
struct ControlConnection {
    private let descriptor: Int32
    private let interruption: Interruption

    init(_ descriptor: Int32, _ interruption: Interruption) {
        self.descriptor = descriptor
        self.interruption = interruption
    }

    /// A request without its line end; nil where none comes in time.
    func readLine(within patience: Duration) -> String? {
        let deadline = Instant.current() + patience
        var bytes: [UInt8] = []
        while !bytes.contains(UInt8(ascii: "\n")) {
            guard bytes.count < ControlProtocol.requestBytesMax, let more = read(until: deadline), !more.isEmpty else {
                return nil
            }
            bytes += more
        }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// All that comes until the other end ends; nil where it does not within `patience`.
    func readToEnd(within patience: Duration) -> String? {
        let deadline = Instant.current() + patience
        var bytes: [UInt8] = []
        while bytes.count < ControlProtocol.answerBytesMax {
            guard let more = read(until: deadline) else { return nil }
            if more.isEmpty { break }
            bytes += more
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// False where it is not all taken in time.
    func write(_ text: String, within patience: Duration) -> Bool {
        let deadline = Instant.current() + patience
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            guard interruption.wait(for: descriptor, POLLOUT, until: deadline) == .ready else { return false }
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// What comes next; empty at the end, nil where nothing comes in time or the connection breaks.
    private func read(until deadline: Instant) -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while interruption.wait(for: descriptor, until: deadline) == .ready {
            let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            return count < 0 ? nil : Array(chunk[..<count])
        }
        return nil
    }
}
