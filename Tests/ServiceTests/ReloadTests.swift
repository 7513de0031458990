import Glibc
import Ring
import Settings
import TLS
import TestSupport
import Testing

@testable import Service

/// Changes of the configuration while sessions go on.
@Suite(.serialized) struct ReloadTests {
    private func address() throws -> SocketAddress { try LoopbackServer.closedAddress() }

    // MARK: Listeners

    @Test(arguments: [1, 2]) func aListenerIsAdded(shards: Int) throws {
        var setup = ServerSetup { $0.shards = shards }
        let server = try TestServer(setup)
        let old = try server.client()
        let oldUpstream = try server.greeted(old)
        let added = try address()
        setup.listeners.append(.init(name: "other", listen: ["\(added)"]))
        let report = try server.reload(setup)
        #expect(report == .done(warnings: []), "\(report)")
        for port in [added.port, server.started.addresses[0].port] {
            let client = try Peer(port: port)
            _ = try server.greeted(client)
        }
        try old.send("HELO c\r\n")
        try oldUpstream.expect("HELO c\r\n")
        old.close()
        oldUpstream.close()
        _ = try server.log.message("listening on \(added) (listener other)")
        #expect(server.drain() == .drained)
    }

    @Test func aListenerIsRemovedAndItsSessionsGoOn() throws {
        let removed = try address()
        var setup = ServerSetup { $0.listeners.append(.init(name: "other", listen: ["\(removed)"])) }
        let server = try TestServer(setup)
        let client = try Peer(port: removed.port)
        let upstream = try server.greeted(client)
        setup.listeners.removeLast()
        let report = try server.reload(setup)
        #expect(report == .done(warnings: []), "\(report)")
        #expect(throws: (any Error).self) { try Peer(port: removed.port) }
        try client.send("HELO c\r\n")
        try upstream.expect("HELO c\r\n")
        try upstream.send("250 Hello\r\n")
        try client.expect("250 Hello\r\n")
        // A drain waits for it as for any other.
        server.signal(SIGTERM)
        _ = try server.log.message("draining")
        try upstream.send("421 Enough\r\n")
        try client.expect("421 Enough\r\n")
        client.close()
        try upstream.expectEnd()
        upstream.close()
        #expect(server.end() == .drained)
        #expect(try server.log.session()["listener"] == "other")
    }

    @Test func aDrainEndsSessionsOfListenersThatHaveGone() throws {
        let removed = try address()
        var setup = ServerSetup { setup in
            setup.listeners.append(.init(name: "other", listen: ["\(removed)"]))
            setup.drainTimeout = "100ms"
        }
        let server = try TestServer(setup)
        var peers: [Peer] = []
        for port in [removed.port, server.started.addresses[0].port] {
            let client = try Peer(port: port)
            let upstream = try server.greeted(client)
            try client.send("HELO c\r\n")
            try upstream.expect("HELO c\r\n")
            peers += [client, upstream]
        }
        setup.listeners.removeLast()
        #expect(try server.reload(setup).isDone)
        server.signal(SIGTERM)
        for peer in peers { try peer.expectEnd() }
        #expect(server.end() == .drained)
    }

    @Test func anAddressMovesToAnotherListener() throws {
        let moving = try address()
        var setup = ServerSetup { setup in
            setup.listeners = [.init(name: "a", listen: ["\(moving)", "127.0.0.1:0"]), .init(name: "b")]
        }
        let server = try TestServer(setup)
        let first = try Peer(port: moving.port)
        _ = try server.greeted(first)
        setup.listeners[0].listen.removeFirst()
        setup.listeners[1].listen.append("\(moving)")
        #expect(try server.reload(setup).isDone)
        let second = try Peer(port: moving.port)
        _ = try server.greeted(second)
        first.close()
        #expect(try server.log.session()["listener"] == "a")
        second.close()
        #expect(try server.log.session()["listener"] == "b")
        #expect(server.drain() == .drained)
    }

    /// Addresses wander between listeners, others come and go; whoever connects is served.
    @Test(arguments: [1, 2]) func noConnectionIsLost(shards: Int) throws {
        let wandering = try address()
        func setup(_ round: Int) throws -> ServerSetup {
            try ServerSetup { setup in
                setup.shards = shards
                setup.listeners = [.init(name: "a"), .init(name: "b")]
                setup.listeners[round % 2].listen.append("\(wandering)")
                if round % 3 == 0 { setup.listeners.append(.init(name: "c", listen: ["\(try address())"])) }
            }
        }
        let server = try TestServer(setup(0))
        let clients = 200
        let failures = BlockingQueue<String>(limit: clients)
        let upstream = server.upstream
        let serving = Thread.start(name: "upstream") {
            for _ in 0..<clients {
                guard let peer = try? upstream.accept() else { return }
                try? peer.send("220 Hello\r\n")
                _ = try? peer.readToEnd()
            }
        }
        let calling = Thread.start(name: "clients") {
            for _ in 0..<clients {
                do {
                    let client = try Peer(port: wandering.port)
                    try client.expect("220 Hello\r\n")
                } catch { _ = failures.push("\(error)") }
            }
            failures.close()
        }
        for round in 1...20 { #expect(try server.reload(setup(round)).isDone) }
        calling.join()
        #expect(failures.popAll() == nil)
        serving.join()
        #expect(server.drain() == .drained)
    }

    /// They are connected before anybody accepts, and the listener goes as soon as somebody does.
    @Test(arguments: [1, 2], ["127.0.0.1:0", "unix:%/other.sock"])
    func whoWaitsAtAListenerThatGoesIsServed(shards: Int, listen: String) throws {
        let count = 300
        nonisolated(unsafe) var waiting: [Peer] = []
        var setup = ServerSetup { $0.shards = shards }
        let remaining = setup
        setup.listeners.append(.init(name: "other", listen: [listen]))
        let server = try TestServer(setup) { started, folder, upstream in
            let address = started.addresses[1]
            for _ in 0..<count {
                waiting.append(
                    try address.isUnix ? Peer(descriptor: address.connectedNow()) : Peer(port: address.port))
            }
            try remaining.write(to: folder, upstream: upstream)
            started.events.signal(SIGHUP)
        }
        _ = try server.log.message("no longer listening on \(server.started.addresses[1]) (listener other)")
        var upstreams: [Peer] = []
        for _ in 0..<count {
            let upstream = try server.upstream.accept()
            try upstream.send("220 Hello\r\n")
            upstreams.append(upstream)
        }
        for client in waiting { try client.expect("220 Hello\r\n") }
        for upstream in upstreams { upstream.close() }
        #expect(server.drain() == .drained)
    }

    @Test func aUnixSocketComesAndGoes() throws {
        let server = try TestServer()
        let path = server.folder.path + "/mx.sock"
        var setup = ServerSetup { $0.listen.append("unix:\(path)") }
        #expect(try server.reload(setup).isDone)
        let client = Peer(descriptor: SocketAddress(unix: path)!.connectedNow())
        let upstream = try server.greeted(client)
        setup.listen.removeLast()
        #expect(try server.reload(setup).isDone)
        #expect(access(path, F_OK) != 0)
        try client.send("HELO c\r\n")
        try upstream.expect("HELO c\r\n")
        client.close()
        upstream.close()
        #expect(server.drain() == .drained)
    }

    /// Whoever connects is served, to the last moment.
    @Test func nobodyIsLostAtAUnixSocketThatGoes() throws {
        let server = try TestServer()
        let path = server.folder.path + "/mx.sock"
        let address = try #require(SocketAddress(unix: path))
        let upstream = server.upstream
        let isOver = Locked(false)
        let serving = Thread.start(name: "upstream") {
            while let peer = try? upstream.accept(), !isOver.withLock({ $0 }) { try? peer.send("220 Hello\r\n") }
        }
        for _ in 0..<20 {
            #expect(try server.reload(ServerSetup { $0.listen.append("unix:\(path)") }).isDone)
            let lost = BlockingQueue<String>(limit: 1)
            let first = BlockingQueue<Bool>(limit: 1)
            let calling = Thread.start(name: "client") {
                while case let descriptor = address.connectedNow(), descriptor >= 0 {
                    do { try Peer(descriptor: descriptor).expect("220 Hello\r\n") } catch { _ = lost.push("\(error)") }
                    _ = first.push(true)
                }
                lost.close()
            }
            _ = first.pop()
            #expect(try server.reload(ServerSetup()).isDone)
            calling.join()
            #expect(lost.popAll() == nil)
        }
        isOver.withLock { $0 = true }
        _ = try server.client()
        serving.join()
        #expect(server.drain() == .drained)
    }

    @Test func aUnixSocketWhoseFileIsGoneComesBack() throws {
        let setup = ServerSetup { $0.listen = ["unix:%/mx.sock"] }
        let server = try TestServer(setup)
        let path = server.folder.path + "/mx.sock"
        let old = Peer(descriptor: SocketAddress(unix: path)!.connectedNow())
        let oldUpstream = try server.greeted(old)
        #expect(unlink(path) == 0)
        #expect(
            try server.reload(setup)
                == .done(warnings: ["the file of unix:\(path) had been removed: it is bound anew"]))
        let new = Peer(descriptor: SocketAddress(unix: path)!.connectedNow())
        let newUpstream = try server.greeted(new)
        try old.send("HELO c\r\n")
        try oldUpstream.expect("HELO c\r\n")
        for peer in [old, oldUpstream, new, newUpstream] { peer.close() }
        #expect(server.drain() == .drained)
        #expect(access(path, F_OK) != 0)
    }

    @Test func aSocketHandedInOutlivesItsListener() throws {
        let socket = try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
        defer { socket.close() }
        var setup = ServerSetup { $0.listeners.append(.init(name: "handed")) }
        let server = try TestServer(setup, handedIn: ["handed": [socket]])
        _ = try server.greeted(Peer(port: socket.address.port))
        let handed = setup.listeners.removeLast()
        #expect(try server.reload(setup).isDone)
        let waiting = try Peer(port: socket.address.port)
        setup.listeners.append(handed)
        #expect(try server.reload(setup).isDone)
        _ = try server.greeted(waiting)
        #expect(server.drain() == .drained)
    }

    // MARK: What new sessions get

    @Test func newSessionsGoToTheNewUpstream() throws {
        let other = try LoopbackServer()
        let server = try TestServer()
        let old = try server.client()
        let oldUpstream = try server.greeted(old)
        #expect(try server.reload(ServerSetup { $0.upstream = other.address }).isDone)
        _ = try server.greeted(server.client(), by: other)
        try old.send("HELO c\r\n")
        try oldUpstream.expect("HELO c\r\n")
        old.close()
        oldUpstream.close()
        #expect(server.drain() == .drained)
    }

    /// By the resolver that it began with, however often another has taken its place.
    @Test func anOldSessionStillLooksUpNames() throws {
        func setup(_ seconds: Int) -> ServerSetup {
            ServerSetup { setup in
                setup.listeners[0].more = "dial = \"starttls\""
                setup.upstreamName = "localhost"
                setup.dns = "timeout = \"\(seconds)s\""
            }
        }
        let server = try TestServer(setup(1))
        let client = try server.client()
        #expect(try client.line().hasPrefix("220 "))
        for seconds in 2...14 { #expect(try server.reload(setup(seconds)).isDone) }
        try client.send("EHLO c\r\n")
        #expect(try client.line().hasPrefix("250-"))
        try client.expect("250 STARTTLS\r\n")
        try client.send("MAIL FROM:<>\r\n")
        let upstream = try server.upstream.accept()
        try upstream.send("220 Hello\r\n")
        try upstream.expect("EHLO c\r\n")
        client.close()
        upstream.close()
        #expect(server.drain() == .drained)
    }

    @Test func limitsChangeAtOnce() throws {
        let server = try TestServer(ServerSetup { $0.maxSessions = 1 })
        let first = try server.client()
        _ = try server.greeted(first)
        try server.client().expect("421 4.3.2 Too many sessions, try again later\r\n")
        #expect(try server.reload(ServerSetup { $0.maxSessions = 2 }).isDone)
        let second = try server.client()
        _ = try server.greeted(second)
        try server.client().expect("421 4.3.2 Too many sessions, try again later\r\n")
        #expect(server.drain() == .drained)
    }

    @Test func countersGoOnWhenAListenerComesBack() throws {
        let server = try TestServer(ServerSetup { $0.listeners.append(.init(name: "other", statPrefix: "kept")) })
        let port = server.started.addresses[1].port
        _ = try server.greeted(Peer(port: port))
        #expect(try server.reload(ServerSetup()).isDone)
        let again = try address()
        let setup = ServerSetup {
            $0.listeners.append(.init(name: "renamed", listen: ["\(again)"], statPrefix: "kept"))
        }
        #expect(try server.reload(setup).isDone)
        _ = try server.greeted(Peer(port: again.port))
        server.signal(SIGUSR1)
        _ = try server.log.message(#"sessions{stat_prefix=\"kept\"} 2"#)
        #expect(server.drain() == .drained)
    }

    @Test func whatNeedsARestartIsNamedAndTheRestIsDone() throws {
        let server = try TestServer()
        let added = try address()
        let setup = ServerSetup { setup in
            setup.shards = 1
            setup.listeners.append(.init(name: "other", listen: ["\(added)"]))
        }
        #expect(
            try server.reload(setup) == .done(warnings: ["runtime.shards has changed: that needs a restart"]))
        _ = try server.greeted(Peer(port: added.port))
        #expect(server.drain() == .drained)
    }

    @Test func aSignalReloadsToo() throws {
        let server = try TestServer()
        let added = try address()
        try ServerSetup { $0.listeners.append(.init(name: "other", listen: ["\(added)"])) }
            .write(to: server.folder, upstream: server.upstream.address)
        server.signal(SIGHUP)
        _ = try server.log.message("listening on \(added) (listener other)")
        _ = try server.greeted(Peer(port: added.port))
        #expect(server.drain() == .drained)
    }

    // MARK: What is refused

    @Test func aConfigurationThatIsWrongChangesNothing() throws {
        let server = try TestServer()
        let free = try address()
        let taken = try ListeningSocket.bind(.loopback(port: 0), sharesPort: false)
        defer { taken.close() }
        let wrong: [(ServerSetup, String)] = [
            (ServerSetup { $0.runtime = "shard = 1" }, "shard"),
            (ServerSetup { $0.certificate = "nothing\n" }, "tls.default"),
            (
                ServerSetup { $0.listen += ["\(free)", "\(taken.address)"] },
                "listener mx: cannot listen on \(taken.address): Address already in use"
            ),
        ]
        for (setup, text) in wrong {
            let report = try server.reload(setup)
            #expect(!report.isDone && report.warnings.isEmpty)
            #expect(report.problems.contains { $0.contains(text) }, "\(report)")
            _ = try server.log.message("reload refused")
            #expect(throws: (any Error).self) { try Peer(port: free.port) }
            _ = try server.greeted(server.client())
        }
        #expect(try server.reload(ServerSetup()).isDone)
        #expect(server.drain() == .drained)
    }

    @Test func nothingIsReloadedWhileTheServerEnds() throws {
        let server = try TestServer()
        let client = try server.client()
        let upstream = try server.greeted(client)
        try client.send("HELO c\r\n")
        try upstream.expect("HELO c\r\n")
        server.signal(SIGTERM)
        _ = try server.log.message("draining")
        #expect(try server.reload(ServerSetup()) == .ending)
        client.close()
        upstream.close()
        #expect(server.end() == .drained)
        #expect(server.started.events.reload() == .ending)
    }
}
