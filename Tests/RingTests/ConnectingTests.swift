import CLinux
import Glibc
import Testing

@testable import Ring

@Suite struct ConnectingTests {
    /// How a connection attempt fails; `nil` where it does not.
    private static func attempt(_ ring: Ring, _ address: SocketAddress, deadline: Instant) async -> StreamError? {
        do throws(StreamError) {
            await (try ring.connect(to: address, deadline: deadline)).close()
            return nil
        } catch {
            return error
        }
    }

    @Test func connectsAndClearsTheDeadline() async throws {
        try await withShard { shard in
            guard let listener = try? ListeningSocket.bind(.loopback(port: 0), sharesPort: false) else { return }
            guard
                let stream = try? await shard.ring.connect(
                    to: listener.address, deadline: shard.ring.now + .seconds(10))
            else {
                Issue.record("not connected")
                return
            }
            #expect(stream.deadline == .never)
            #expect(stream.peerAddress == listener.address)
            let accepted = accept(listener.descriptor, nil, nil)
            _ = "220 ready".withCString { write(accepted, $0, 9) }
            #expect(await stream.read() == "220 ready")
            await stream.close()
            close(accepted)
            listener.close()
        }
    }

    @Test func aRefusalIsTheKernelsError() async throws {
        try await withShard { shard in
            let before = shard.ring.operationsInFlight
            #expect(await Self.attempt(shard.ring, .loopback(port: 1), deadline: .never) == .system(ECONNREFUSED))
            #expect(shard.ring.operationsInFlight == before)
        }
    }

    @Test func aDeadlineThatHasPassedIsSeenFirst() async throws {
        try await withShard { shard in
            #expect(await Self.attempt(shard.ring, .loopback(port: 1), deadline: shard.ring.now) == .timedOut)
        }
    }

    /// A listener whose queue is full answers nothing, as a filtered port does.
    @Test func theDeadlineEndsAnAttempt() async throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        let any = SocketAddress.loopback(port: 0).raw
        _ = withUnsafeBytes(of: any) {
            bind(listener, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), any.length)
        }
        #expect(listen(listener, 0) == 0)
        let address = try #require(SocketAddress.local(of: listener))
        let filler = dial(address)
        defer { close(filler) }
        try await withShard { shard in
            let start = shard.ring.now
            let before = shard.ring.operationsInFlight
            #expect(
                await Self.attempt(shard.ring, address, deadline: shard.ring.now + .milliseconds(60)) == .timedOut)
            #expect(shard.ring.now.nanoseconds(since: start) >= 60_000_000)
            #expect(shard.ring.operationsInFlight == before)
        }
    }
}
