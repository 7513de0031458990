import Glibc
import Ring
import TestSupport
import Testing

@testable import Service

@Suite struct BindingTests {
    private let anyPort = SocketAddress.loopback(port: 0)

    private func place(_ listener: String, _ address: SocketAddress) -> ListenPlace {
        ListenPlace(listener: listener, address: address)
    }

    private func close(_ bindings: Bindings) {
        for binding in bindings.all { binding.close() }
    }

    @Test(arguments: [1, 2]) func whatStaysKeepsItsSockets(shards: Int) throws {
        let first = try Bindings().change(
            to: [place("a", anyPort), place("b", anyPort), place("b", .loopback(port: 0))], handedIn: [],
            shards: shards)
        #expect(first.added.count == 3 && first.removed.isEmpty)
        #expect(first.next.all.allSatisfy { $0.sockets.count == shards })
        let second = try first.next.change(
            to: [place("b", anyPort), place("a", anyPort), place("c", anyPort)], handedIn: [], shards: shards)
        #expect(second.added.isEmpty && second.removed.isEmpty)
        #expect(second.next.all.map(\.place.listener) == ["b", "a", "c"])
        let before = first.next.all
        #expect(second.next.all.map(\.sockets) == [before[1].sockets, before[0].sockets, before[2].sockets])
        close(second.next)
    }

    @Test func whatGoesIsNotClosedYet() throws {
        let address = try LoopbackServer.closedAddress()
        let first = try Bindings().change(to: [place("a", address)], handedIn: [], shards: 2)
        let second = try first.next.change(to: [], handedIn: [], shards: 2)
        #expect(second.removed.map(\.sockets) == first.next.all.map(\.sockets))
        _ = try Peer(port: address.port)
        for binding in second.removed { binding.close() }
        #expect(throws: (any Error).self) { try Peer(port: address.port) }
    }

    @Test func allThatCannotBeBoundIsNamedAndNothingIs() throws {
        let others = try (0..<2).map { _ in try ListeningSocket.bind(anyPort, sharesPort: false) }
        defer { for other in others { other.close() } }
        let free = try LoopbackServer.closedAddress()
        let error = #expect(throws: Bindings.Failure.self) {
            try Bindings().change(
                to: [place("a", others[0].address), place("b", free), place("c", others[1].address)], handedIn: [],
                shards: 1)
        }
        #expect(
            error?.reasons == [
                "listener a: cannot listen on \(others[0].address): Address already in use",
                "listener c: cannot listen on \(others[1].address): Address already in use",
            ])
        #expect(throws: (any Error).self) { try Peer(port: free.port) }
    }

    @Test func addressesThatAreNoneHere() throws {
        let foreign = SocketAddress(octets: [192, 0, 2, 1], port: 0)
        let folder = try #require(SocketAddress(unix: "/nonexistent/mx.sock"))
        let error = #expect(throws: Bindings.Failure.self) {
            try Bindings().change(to: [place("a", foreign), place("b", folder)], handedIn: [], shards: 2)
        }
        #expect(
            error?.reasons == [
                "listener a: cannot listen on 192.0.2.1:0: Cannot assign requested address",
                "listener b: cannot listen on unix:/nonexistent/mx.sock: No such file or directory",
            ])
    }

    @Test func aUnixSocketThatAnotherHas() throws {
        let folder = try TemporaryFolder()
        let address = try #require(SocketAddress(unix: folder.path + "/mx.sock"))
        let other = try ListeningSocket.bind(address, sharesPort: false)
        let error = #expect(throws: Bindings.Failure.self) {
            try Bindings().change(to: [place("a", address)], handedIn: [], shards: 2)
        }
        #expect(error?.reasons == ["listener a: cannot listen on \(address): Address already in use"])
        other.close()
    }

    @Test func aUnixSocketWhoseFileIsGoneIsBoundAnew() throws {
        let folder = try TemporaryFolder()
        let address = try #require(SocketAddress(unix: folder.path + "/mx.sock"))
        let first = try Bindings().change(to: [place("a", address), place("a", anyPort)], handedIn: [], shards: 2)
        let kept = try first.next.change(to: [place("b", address), place("a", anyPort)], handedIn: [], shards: 2)
        #expect(kept.added.isEmpty && kept.removed.isEmpty && kept.renewed.isEmpty)
        #expect(unlink(folder.path + "/mx.sock") == 0)
        let second = try kept.next.change(to: [place("b", address), place("a", anyPort)], handedIn: [], shards: 2)
        #expect(second.removed.map(\.sockets) == [kept.next.all[0].sockets])
        #expect(second.renewed.map(\.place) == [place("b", address)])
        for binding in second.removed { binding.close() }
        // The former one does not take the file of the new one along.
        let client = Peer(descriptor: address.connectedNow())
        let taken = try #require(second.added.first?.sockets[0].takeWaiting().map(Peer.init(descriptor:)))
        try taken.send("x")
        try client.expect("x")
        close(second.next)
    }

    @Test func aUnixSocketWhosePlaceIsTakenIsRefused() throws {
        let folder = try TemporaryFolder()
        let address = try #require(SocketAddress(unix: folder.path + "/mx.sock"))
        let first = try Bindings().change(to: [place("a", address)], handedIn: [], shards: 1)
        #expect(unlink(folder.path + "/mx.sock") == 0)
        try folder.write("mx.sock", "")
        let error = #expect(throws: Bindings.Failure.self) {
            try first.next.change(to: [place("a", address)], handedIn: [], shards: 1)
        }
        #expect(
            error?.reasons == ["listener a: cannot listen on \(address): there is a file that is no socket"])
        close(first.next)
        #expect(access(folder.path + "/mx.sock", F_OK) == 0)
    }

    /// All of them are waited for together: a server that reloads serves signals again soon.
    @Test func manyAddressesInUseTakeASecond() throws {
        let others = try (0..<5).map { _ in try ListeningSocket.bind(anyPort, sharesPort: false) }
        defer { for other in others { other.close() } }
        let start = Instant.current()
        let error = #expect(throws: Bindings.Failure.self) {
            try Bindings().change(to: others.map { place("a", $0.address) }, handedIn: [], shards: 1)
        }
        #expect(error?.reasons.count == 5)
        #expect(Instant.current().nanoseconds(since: start) < 4_000_000_000)
    }

    @Test(arguments: [1, 2]) func anAddressMayWidenOverItsOwnFormerSelf(shards: Int) throws {
        let narrow = try LoopbackServer.closedAddress()
        let wide = SocketAddress(octets: [0, 0, 0, 0], port: narrow.port)
        let first = try Bindings().change(to: [place("a", narrow)], handedIn: [], shards: shards)
        let second = try first.next.change(to: [place("a", wide)], handedIn: [], shards: shards)
        #expect(second.added.count == 1 && second.removed.count == 1)
        for binding in second.removed { binding.close() }
        _ = try Peer(port: narrow.port)
        close(second.next)
    }

    @Test func aSocketHandedInIsNeverClosed() throws {
        let socket = try ListeningSocket.bind(anyPort, sharesPort: false)
        defer { socket.close() }
        let handedIn = Binding(handedIn: socket, to: "a")
        let first = try Bindings().change(to: [], handedIn: [handedIn], shards: 2)
        #expect(first.next.all.map(\.sockets) == [[socket]])
        let second = try first.next.change(to: [], handedIn: [], shards: 2)
        #expect(second.removed.map(\.isHandedIn) == [true])
        let third = try second.next.change(to: [], handedIn: [handedIn], shards: 2)
        #expect(third.next.all.map(\.sockets) == [[socket]])
    }

    @Test func connectionsThatWaitCanBeTakenWithoutWaiting() throws {
        let socket = try ListeningSocket.bind(anyPort, sharesPort: false)
        defer { socket.close() }
        #expect(socket.takeWaiting() == nil)
        let clients = try (0..<3).map { _ in try Peer(port: socket.address.port) }
        let taken = (0..<3).compactMap { _ in socket.takeWaiting().map(Peer.init(descriptor:)) }
        #expect(taken.count == 3)
        #expect(socket.takeWaiting() == nil)
        try taken[0].send("x")
        try clients[0].expect("x")
    }
}
