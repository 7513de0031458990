import Glibc
import Ring
import Settings
import TestSupport
import Testing

@testable import Service

/// Reloads as they come when nobody takes care: of half a file, one upon the other, while the server ends.
@Suite(.serialized) struct ReloadStormTests {
    /// Somebody writes the file while it is read: what is there of it is good TOML now and then, but never enough.
    @Test func halfAConfigurationChangesNothing() throws {
        let server = try TestServer()
        let whole = ServerSetup { $0.maxSessions = 7 }.text(
            folder: server.folder.path, upstream: server.upstream.address)
        let enough = try #require(whole.firstRange(of: "servers = [")).lowerBound
        let bytes = Array(whole[..<enough].utf8)
        for count in stride(from: 0, through: bytes.count, by: 5) {
            try server.folder.write("mailrace.toml", String(decoding: bytes[..<count], as: UTF8.self))
            let report = server.started.events.reload()
            #expect(!report.isDone && !report.problems.isEmpty, "\(count) bytes")
        }
        _ = try server.greeted(server.client())
        #expect(try server.reload(ServerSetup()).isDone)
        #expect(server.drain() == .drained)
    }

    @Test func aConfigurationThatHasGoneChangesNothing() throws {
        let server = try TestServer()
        let file = server.folder.path + "/mailrace.toml"
        unlink(file)
        #expect(
            server.started.events.reload() == .refused(["\(file): cannot read the file: No such file or directory"]))
        _ = try server.greeted(server.client())
        #expect(server.drain() == .drained)
    }

    /// By signals, by files, by those who wait for it, all at once and under load.
    @Test func everyReloadOfAStormIsAnswered() throws {
        let server = try TestServer()
        let events = server.started.events
        let reports = BlockingQueue<RequestReport>(limit: 80)
        let asking = (0..<8).map { number in
            Thread.start(name: "asking \(number)") {
                for _ in 0..<10 {
                    events.signal(SIGHUP)
                    events.noteFilesChanged()
                    _ = reports.push(events.reload())
                }
            }
        }
        for _ in 0..<40 { _ = try server.greeted(server.client()) }
        for thread in asking { thread.join() }
        for _ in 0..<80 { #expect(reports.pop() == .done(warnings: [])) }
        #expect(server.drain() == .drained)
    }

    @Test func twoListenersChangePlaces() throws {
        let (one, other) = (try LoopbackServer.closedAddress(), try LoopbackServer.closedAddress())
        var setup = ServerSetup { setup in
            setup.listeners = [.init(name: "a", listen: ["\(one)"]), .init(name: "b", listen: ["\(other)"])]
        }
        let server = try TestServer(setup)
        for (reloads, names) in [(0, ["a", "b"]), (1, ["b", "a"]), (1, ["a", "b"])] {
            for _ in 0..<reloads {
                let listen = setup.listeners[0].listen
                setup.listeners[0].listen = setup.listeners[1].listen
                setup.listeners[1].listen = listen
                #expect(try server.reload(setup).isDone)
            }
            for (address, name) in zip([one, other], names) {
                let client = try Peer(port: address.port)
                let upstream = try server.greeted(client)
                client.close()
                upstream.close()
                #expect(try server.log.session()["listener"] == name)
            }
        }
        #expect(server.drain() == .drained)
    }

    /// More often than former resolvers are kept.
    @Test func resolversComeAndGo() throws {
        let server = try TestServer()
        let old = try server.client()
        let upstream = try server.greeted(old)
        for seconds in 1...12 {
            #expect(try server.reload(ServerSetup { $0.dns = "timeout = \"\(seconds)s\"" }).isDone)
            _ = try server.greeted(server.client())
        }
        try old.send("HELO c\r\n")
        try upstream.expect("HELO c\r\n")
        old.close()
        upstream.close()
        #expect(server.drain() == .drained)
    }

    // MARK: By the control socket

    @Test func theControlSocketServesUntilTheEnd() throws {
        var setup = ServerSetup { $0.controlSocket = "%/control.sock" }
        let server = try TestServer(setup)
        let path = server.folder.path + "/control.sock"
        _ = try server.log.message("ready")
        let read = "read: \(server.folder.path)/mailrace.toml"
        #expect(ControlClient.ask(.reload, at: path) == .done([read]))
        setup.listen.append("unix:%/mx.sock")
        setup.controlSocket = "%/other.sock"
        try setup.write(to: server.folder, upstream: server.upstream.address)
        let warning = "warning: runtime.control_socket has changed: that needs a restart"
        #expect(ControlClient.ask(.reload, at: path) == .done([read, warning]))
        // The path that the running server has is not free for a listener, whatever the new configuration says of it.
        setup.listen.append("unix:\(path)")
        try setup.write(to: server.folder, upstream: server.upstream.address)
        #expect(
            ControlClient.ask(.reload, at: path)
                == .refused(["error: listener mx: cannot listen on unix:\(path): Address already in use"]))
        let client = try server.client()
        let upstream = try server.greeted(client)
        try client.send("HELO c\r\n")
        try upstream.expect("HELO c\r\n")
        server.signal(SIGTERM)
        _ = try server.log.message("draining")
        #expect(ControlClient.ask(.reload, at: path) == .unavailable("the server is ending"))
        client.close()
        upstream.close()
        #expect(server.end() == .drained)
        #expect(ControlClient.ask(.reload, at: path) == .unavailable("No such file or directory"))
    }

    @Test func withoutAFolderForTheControlSocketTheServerServes() throws {
        let server = try TestServer(ServerSetup { $0.controlSocket = "%/none/control.sock" })
        let warning = try server.log.message("no control socket, so 'mailrace reload' is not available: ")
        #expect(warning.contains("No such file or directory"))
        _ = try server.greeted(server.client())
        #expect(server.drain() == .drained)
    }
}
