import Glibc
import Ring
import Settings
import Telemetry
import TestCertificates
import TestSupport
import Testing

@testable import Service

/// What the configuration file of a test's server says, apart from what all of them say; `%` is its folder.
struct ServerSetup: Sendable {
    var shards = 2
    var listeners = [Listener(name: "mx")]
    /// The upstream's server; nil: the rig's.
    var upstream: SocketAddress?
    /// A name by which the upstream's server is to be found.
    var upstreamName: String?
    /// Few enough for a machine of few descriptors.
    var maxSessions = 1000
    var drainTimeout = "30s"
    var certificate = TestCertificates.ecdsaChain
    var key = TestCertificates.ecdsaKey
    /// What else stands in `[runtime]`.
    var runtime = ""
    var controlSocket = ""
    /// Where the admin endpoint listens; the standard address is one for the machine.
    var admin = ""
    /// What the upstream's `health` says.
    var health = "probe = \"off\""
    /// What `[dns]` says.
    var dns = ""
    /// What `[log]` says. Where the lines go is the rig's to say.
    var log = ""

    struct Listener: Sendable {
        var name: String
        var listen = ["127.0.0.1:0"]
        var statPrefix: String?
        /// What else stands in its table.
        var more = ""

        var text: String {
            """
            [listener.\(name)]
            listen = [\(listen.map { "\"\($0)\"" }.joined(separator: ", "))]
            stat_prefix = "\(statPrefix ?? name)"
            tls = "default"
            upstream = "backend"
            \(more)

            """
        }
    }

    /// Where the first listener listens.
    var listen: [String] {
        get { listeners[0].listen }
        set { listeners[0].listen = newValue }
    }

    init() {}

    init(_ change: (inout ServerSetup) throws -> Void) rethrows {
        try change(&self)
    }

    func text(folder: String, upstream: SocketAddress) -> String {
        let address = self.upstream ?? upstream
        let server = upstreamName.map { "\($0):\(address.port)" } ?? "\(address)"
        return """
            [runtime]
            shards = \(shards)
            max_sessions = \(maxSessions)
            drain_timeout = "\(drainTimeout)"
            io_uring_features = "\(Self.features)"
            control_socket = "\(controlSocket)"
            \(runtime)
            [admin]
            listen = "\(admin)"
            [dns]
            \(dns)
            [log]
            \(log)
            [tls.default]
            certificate = "\(folder)/chain.pem"
            key = "\(folder)/key.pem"
            \(listeners.map(\.text).joined())
            [upstream.backend]
            servers = ["\(server)"]
            tls = "off"
            health = { \(health) }

            """.replacing("%", with: folder)
    }

    /// As in the suites of the ring: what the environment allows.
    private static let features =
        getenv("MAILRACE_IO_URING_FEATURES").map { String(cString: $0) } == "6.1" ? "6.1" : "probe"

    /// Writes the file and what it names.
    func write(to folder: TemporaryFolder, upstream: SocketAddress) throws {
        try folder.write("chain.pem", certificate)
        try folder.write("key.pem", key)
        try folder.write("mailrace.toml", text(folder: folder.path, upstream: upstream))
    }
}

/// A server that runs on a thread of its own, in front of a scripted upstream.
final class TestServer {
    let upstream: LoopbackServer
    let log: LogPipe
    let folder: TemporaryFolder
    let started: Started
    private let outcome = BlockingQueue<Server.Outcome>(limit: 1)
    private var thread: Thread?

    /// What a server shows of itself once it has been made.
    struct Started: Sendable {
        let addresses: [SocketAddress]
        let events: ServerEvents
    }

    /// - Parameter beforeRun: done when the server has its addresses and does not yet serve.
    init(
        _ setup: ServerSetup = ServerSetup(), handedIn: [String: [ListeningSocket]] = [:],
        notifier: SystemdNotifier = .silent,
        beforeRun: @escaping @Sendable (Started, TemporaryFolder, SocketAddress) throws -> Void = { _, _, _ in }
    ) throws {
        upstream = try LoopbackServer()
        log = try LogPipe()
        folder = try TemporaryFolder()
        try setup.write(to: folder, upstream: upstream.address)
        // Loaded as the program does.
        let sources = SettingsSources(file: folder.path + "/mailrace.toml")
        let loaded = try Settings.load(sources)
        let made = BlockingQueue<Result<Started, any Error>>(limit: 1)
        let handed = HandedSockets(
            handedIn.flatMap { name, sockets in
                sockets.map { HandedSockets.Descriptor(name: name, number: $0.descriptor) }
            })
        thread = Thread.start(name: "server") { [log = log.log, outcome, folder, address = upstream.address] in
            do {
                let server = try Server(loaded, log: log, handed: handed, notifier: notifier) {
                    () throws(SettingsProblems) in try Settings.load(sources)
                }
                let started = Started(addresses: server.addresses.map(\.address), events: server.events)
                try beforeRun(started, folder, address)
                _ = made.push(.success(started))
                _ = outcome.push(server.run())
            } catch {
                _ = made.push(.failure(error))
            }
        }
        switch made.pop() {
        case .success(let started): self.started = started
        case .failure(let error):
            thread?.join()
            log.log.close()
            throw error
        case nil: preconditionFailure("the queue is never closed")
        }
    }

    func client(listener index: Int = 0) throws -> Peer {
        try Peer(port: started.addresses[index].port)
    }

    /// As if the process were sent the signal.
    func signal(_ number: Int32) {
        started.events.signal(number)
    }

    /// Writes another configuration and has the server take it.
    func reload(_ setup: ServerSetup) throws -> RequestReport {
        try setup.write(to: folder, upstream: upstream.address)
        return started.events.reload()
    }

    /// Has a client greeted by `upstream`, by default the rig's.
    func greeted(_ client: Peer, by upstream: LoopbackServer? = nil) throws -> Peer {
        let server = try (upstream ?? self.upstream).accept()
        try server.send("220 Hello\r\n")
        try client.expect("220 Hello\r\n")
        return server
    }

    /// Waits for the end.
    func end() -> Server.Outcome? {
        let outcome = outcome.pop()
        thread?.join()
        log.log.close()
        return outcome
    }

    /// Tells the server to end and waits until it has.
    func drain() -> Server.Outcome? {
        signal(SIGTERM)
        return end()
    }
}

/// A folder that goes, with its files, when the test has read them.
final class TemporaryFolder: Sendable {
    let path: String
    private let files = Locked<[String]>([])

    init() throws {
        var template = Array("/tmp/service-tests.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Peer.Failure(description: "mkdtemp: errno \(errno)") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for file in files.withLock({ $0 }) { unlink(file) }
        rmdir(path)  // Sockets remove their files themselves.
    }

    /// Waits until the file, which somebody else writes, has all of these; at most ten seconds.
    /// - Returns: what it has.
    func wait(for name: String, toHave texts: [String]) throws -> String {
        files.withLock { if !$0.contains("\(path)/\(name)") { $0.append("\(path)/\(name)") } }
        let deadline = time(nil) + 10
        while true {
            let text = text(of: name)
            if texts.allSatisfy(text.contains) { return text }
            guard time(nil) < deadline else { throw Peer.Failure(description: "\(name) has only: \(text)") }
            sched_yield()
        }
    }

    /// The text of a file; empty where there is none.
    func text(of name: String) -> String {
        guard let stream = fopen("\(path)/\(name)", "r") else { return "" }
        defer { fclose(stream) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&chunk, 1, chunk.count, stream), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Writes a file, or another one in its place: nobody sees a part of it.
    func write(_ name: String, _ text: String) throws {
        let file = "\(path)/\(name)"
        guard let stream = fopen(file + ".new", "w") else { throw Peer.Failure(description: "fopen: errno \(errno)") }
        fputs(text, stream)
        fclose(stream)
        guard rename(file + ".new", file) == 0 else { throw Peer.Failure(description: "rename: errno \(errno)") }
        files.withLock { if !$0.contains(file) { $0.append(file) } }
    }
}
