import CLinux
import CUring
import Glibc
import Testing

@testable import Ring

/// A pipe to splice through.
struct RingPipe {
    let read: Int32
    let write: Int32
    let capacity: Int

    init(capacity: Int32 = 1 << 20) {
        var ends: [Int32] = [0, 0]
        let got = uring_pipe(&ends, capacity)
        precondition(got > 0, "pipe: \(systemErrorText(-got))")
        (read, write) = (ends[0], ends[1])
        self.capacity = Int(got)
    }

    func closeBoth() {
        close(read)
        close(write)
    }

    /// Moves bytes from one socket to another by the ring's own splice; how many arrived unchanged.
    static func splice(through ring: Ring, bytes count: Int) async -> Int {
        let (from, to) = (Pair.tcp(), Pair.tcp())
        let pipe = RingPipe()
        defer {
            pipe.closeBoth()
            for descriptor in [from.ours, from.theirs, to.ours, to.theirs] { close(descriptor) }
        }
        let text = String(repeating: "s", count: count)
        from.say(text)
        let moved = await ring.perform(named: { _ in }) { uring_splice($0, from.ours, pipe.write, UInt32(count), $1) }
        let arrived = await ring.perform(named: { _ in }) {
            uring_splice($0, pipe.read, to.ours, UInt32(max(0, moved.result)), $1)
        }
        guard arrived.result > 0, to.hear() == String(text.prefix(Int(arrived.result))) else { return -1 }
        return Int(arrived.result)
    }
}

@Suite struct SpliceTests {
    @Test func aPipeHasTheCapacityItSays() {
        let pipe = RingPipe(capacity: 65_536)
        #expect(pipe.capacity == 65_536)
        pipe.closeBoth()
    }

    @Test func theRingSplices() async throws {
        try await withShard { shard in
            #expect(await RingPipe.splice(through: shard.ring, bytes: 20_000) == 20_000)
        }
    }

    /// The ring says when a socket is ready, splice(2) moves the bytes: no worker thread, no copy.
    @Test func pollingAndSplicingMovesAMessage() async throws {
        try await withShard { shard in
            let ring = shard.ring
            let (from, to) = (Pair.tcp(), Pair.tcp())
            for descriptor in [from.ours, to.ours] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
            let pipe = RingPipe()
            let (sender, reader) = (Stream(ring, descriptor: from.theirs), Stream(ring, descriptor: to.theirs))
            let message = Pattern(seed: 13)
            let count = 4 << 20
            await together(
                shard,
                [
                    { #expect(await message.send(count, by: sender) == nil) },
                    { #expect(await message.receive(by: reader) == count) },
                    {
                        var inPipe = 0
                        while true {
                            if inPipe == 0 {
                                let taken = uring_splice_now(from.ours, pipe.write, pipe.capacity)
                                if taken == 0 { break }
                                if taken > 0 { inPipe += Int(taken) } else { await Self.poll(ring, from.ours, POLLIN) }
                            } else {
                                let given = uring_splice_now(pipe.read, to.ours, inPipe)
                                if given > 0 { inPipe -= Int(given) } else { await Self.poll(ring, to.ours, POLLOUT) }
                            }
                        }
                        linux_shutdown_write(to.ours)
                    },
                ])
            await sender.close()
            await reader.close()
            pipe.closeBoth()
            close(from.ours)
            close(to.ours)
        }
    }

    private static func poll(_ ring: Ring, _ descriptor: Int32, _ events: Int32) async {
        let completion = await ring.perform(named: { _ in }) { uring_poll($0, descriptor, UInt32(events), $1) }
        #expect(completion.result > 0)
    }
}
