import Glibc
import Relay
import Ring
import Synchronization
import TestSupport

/// Several servers of one upstream, each played by the test.
struct Servers {
    let all: [LoopbackServer]

    init(_ count: Int) throws {
        all = try (0..<count).map { _ in try LoopbackServer() }
    }

    var addresses: [SocketAddress] { all.map(\.address) }

    /// The next connection to any of them; waits for it.
    func accept(_ relay: TestRelay) throws -> (place: Int, peer: Peer) {
        let deadline = Instant.current() + .seconds(Peer.patienceSeconds)
        while Instant.current() < deadline {
            for (place, server) in all.enumerated() where try server.isCalled(withinMilliseconds: 1) {
                return (place, relay.remembered(try server.accept()))
            }
        }
        throw Peer.Failure(description: "nobody connects to any server")
    }

    /// True where a connection to any of them waits to be taken.
    func areCalled() throws -> Bool {
        try all.contains { try $0.isCalled(withinMilliseconds: 0) }
    }

    /// Brings a new session as far as its greeting, and tells which server it went to.
    func serve(_ relay: TestRelay, behind header: [UInt8] = []) throws -> (place: Int, session: Greeted) {
        let client = try relay.client(behind: header)
        let (place, upstream) = try accept(relay)
        try upstream.send(Dialogue.greeting)
        try client.expect(Dialogue.greeting)
        return (place, Greeted(client: client, upstream: upstream))
    }
}

/// A session whose client has been greeted.
struct Greeted {
    let client: Peer
    let upstream: Peer

    /// Goes on to the reply to EHLO, which shows that the server is well.
    func greetBack() throws {
        try client.send(Dialogue.ehlo)
        try upstream.expect(Dialogue.ehlo)
        try upstream.send(Dialogue.ehloReplyWithoutTLS)
        while try client.line().hasPrefix("250-") {}
    }

    /// Ends it, and waits for that.
    func end(_ relay: TestRelay) throws {
        client.close()
        upstream.close()
        _ = try relay.record()
    }
}

/// A name server on 127.0.0.1 that has some IPv4 addresses for every name, and answers to UDP only.
final class NameServer: Sendable {
    let address: SocketAddress
    private let descriptor: Int32
    private let thread: Thread
    private let state: State

    private final class State: Sendable {
        let answer: Locked<(addresses: [[UInt8]], seconds: UInt8)>
        let questions = Atomic<Int>(0)
        let isSilent: Atomic<Bool>

        init(_ addresses: [[UInt8]], seconds: UInt8, isSilent: Bool) {
            answer = Locked((addresses, seconds))
            self.isSilent = Atomic(isSilent)
        }
    }

    /// - Parameters:
    ///   - seconds: how long an answer may be kept.
    ///   - isSilent: it takes questions and answers none.
    init(_ addresses: [[UInt8]], seconds: UInt8, isSilent: Bool = false) throws {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutableBytes(of: &name) { [descriptor] raw in
            let address = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            return bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
        }
        guard isBound else { throw Peer.Failure(description: "bind: errno \(errno)") }
        address = .loopback(port: UInt16(bigEndian: name.sin_port))
        state = State(addresses, seconds: seconds, isSilent: isSilent)
        thread = Thread.start(name: "name server") { [descriptor, state] in
            while Self.serve(descriptor, state) {}
        }
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        thread.join()
        close(descriptor)
    }

    var questions: Int { state.questions.load(ordering: .relaxed) }

    func fallSilent() { state.isSilent.store(true, ordering: .relaxed) }

    func answer(_ addresses: [[UInt8]], seconds: UInt8) {
        state.answer.withLock { $0 = (addresses, seconds) }
    }

    /// False once the socket is shut down.
    private static func serve(_ descriptor: Int32, _ state: State) -> Bool {
        var message = [UInt8](repeating: 0, count: 512)
        var peer = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutableBytes(of: &peer) { raw in
            let name = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            let count = recvfrom(descriptor, &message, message.count, 0, name, &length)
            guard count > 16, let end = message[12..<count].firstIndex(of: 0), end + 5 <= count else {
                return count > 0
            }
            state.questions.add(1, ordering: .relaxed)
            guard !state.isSilent.load(ordering: .relaxed) else { return true }
            let isIPv4 = message[end + 2] == 1
            let (addresses, seconds) = state.answer.withLock { $0 }
            let records = isIPv4 ? addresses : []
            let answer =
                Array(message[..<2]) + [0x85, 0x80, 0, 1, 0, UInt8(records.count), 0, 0, 0, 0]
                + message[12..<(end + 5)] + records.flatMap { [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, seconds, 0, 4] + $0 }
            sendto(descriptor, answer, answer.count, 0, name, length)
            return true
        }
    }
}
