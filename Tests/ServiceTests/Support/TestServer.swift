import Glibc
import Ring
import Settings
import Telemetry
import TestCertificates
import TestSupport
import Testing

@testable import Service

/// What the configuration file of a test's server says, apart from what all of them say.
struct ServerSetup: Sendable {
    var shards = 2
    var listen = ["127.0.0.1:0"]
    var maxSessions = 10_000
    var drainTimeout = "30s"
    var certificate = TestCertificates.ecdsaChain

    init(_ change: (inout ServerSetup) -> Void = { _ in }) {
        change(&self)
    }

    func text(folder: String, upstream: SocketAddress) -> String {
        """
        [runtime]
        shards = \(shards)
        max_sessions = \(maxSessions)
        drain_timeout = "\(drainTimeout)"
        io_uring_features = "\(Self.features)"
        [tls.default]
        certificate = "\(folder)/chain.pem"
        key = "\(folder)/key.pem"
        [listener.mx]
        listen = [\(listen.map { "\"\($0)\"" }.joined(separator: ", "))]
        tls = "default"
        upstream = "backend"
        [upstream.backend]
        servers = ["\(upstream)"]

        """
    }

    /// As in the suites of the ring: what the environment allows.
    private static let features =
        getenv("MAILRACE_IO_URING_FEATURES").map { String(cString: $0) } == "6.1" ? "6.1" : "probe"

    /// Writes the file and what it names, and loads it as the program does.
    func load(upstream: SocketAddress) throws -> LoadedSettings {
        let folder = try TemporaryFolder()
        try folder.write("chain.pem", certificate)
        try folder.write("key.pem", TestCertificates.ecdsaKey)
        try folder.write("mailrace.toml", text(folder: folder.path, upstream: upstream))
        return try Settings.load(SettingsSources(file: folder.path + "/mailrace.toml"))
    }
}

/// A server that runs on a thread of its own, in front of a scripted upstream.
final class TestServer {
    let upstream: LoopbackServer
    let log: LogPipe
    let started: Started
    private let outcome = BlockingQueue<Server.Outcome>(limit: 1)
    private var thread: Thread?

    /// What a server shows of itself once it has been made.
    struct Started: Sendable {
        let addresses: [SocketAddress]
        let events: ServerEvents
    }

    init(_ setup: ServerSetup = ServerSetup(), handedIn: [String: [ListeningSocket]] = [:]) throws {
        upstream = try LoopbackServer()
        log = try LogPipe()
        let loaded = try setup.load(upstream: upstream.address)
        let made = BlockingQueue<Result<Started, any Error>>(limit: 1)
        thread = Thread.start(name: "server") { [log = log.log, outcome] in
            do {
                let server = try Server(loaded, log: log, handedIn: handedIn)
                _ = made.push(.success(Started(addresses: server.addresses.map(\.address), events: server.events)))
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
        started.events.push(.signal(number))
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
final class TemporaryFolder {
    let path: String
    private var files: [String] = []

    init() throws {
        var template = Array("/tmp/service-tests.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Peer.Failure(description: "mkdtemp: errno \(errno)") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for file in files { unlink(file) }
        rmdir(path)
    }

    func write(_ name: String, _ text: String) throws {
        guard let file = fopen("\(path)/\(name)", "w") else { throw Peer.Failure(description: "fopen: errno \(errno)") }
        fputs(text, file)
        fclose(file)
        files.append("\(path)/\(name)")
    }
}
