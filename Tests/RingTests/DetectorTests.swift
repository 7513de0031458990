import CLinux
import CTaskHook
import Glibc
import Testing

@testable import Ring

/// What the compiler does not see: sessions that leave their shard, and threads that nobody asked for.
///
/// Each detector is shown to detect before it is believed.
@Suite(.serialized) struct DetectorTests {
    /// A session of everything that sessions do: connect, accept, talk, secure, pump, close.
    private static func session(on shard: isolated Shard, secured: Bool) async {
        guard let listener = try? ListeningSocket.bind(.loopback(port: 0), sharesPort: false) else {
            Issue.record("no listener")
            return
        }
        let ring = shard.ring
        let accepted = Countdown(2)
        var descriptors: [Int32] = []
        let acceptor = Acceptor(
            ring, listener,
            accepted: { descriptor in
                descriptors.append(descriptor)
                accepted.arrive()
            }, paused: { _ in })
        acceptor.start()
        guard let client = try? await ring.connect(to: listener.address, deadline: .never),
            let upstream = try? await ring.connect(to: listener.address, deadline: .never)
        else {
            Issue.record("no connection")
            return
        }
        await accepted.wait()
        let (downstream, server) = (Stream(ring, descriptor: descriptors[0]), Stream(ring, descriptor: descriptors[1]))
        await acceptor.stop()
        listener.close()
        if secured {
            await together(
                shard,
                [
                    {
                        _ = await failure { () async throws(StreamError) in
                            try await client.secure(with: ToyLayer(.client))
                        }
                    },
                    {
                        _ = await failure { () async throws(StreamError) in
                            try await downstream.secure(with: ToyLayer(.server))
                        }
                    },
                ])
        }
        for _ in 0..<50 {
            _ = await failure { () async throws(StreamError) in try await client.write(Array("NOOP\r\n".utf8)) }
            while downstream.buffered < 6, (try? await downstream.waitForInput(orOf: upstream)) != nil {}
            downstream.dropInput(downstream.buffered)
        }
        let pump = Pump(downstream: downstream, upstream: upstream, limits: PumpRig.patient)
        let message = Pattern(seed: 11)
        await together(
            shard,
            [
                { #expect(await pump.run() == .finished(first: .downstream)) },
                { #expect(await message.send(1 << 20, by: client) == nil) },
                {
                    #expect(await message.receive(by: server) == 1 << 20)
                    await server.closeGracefully(within: .seconds(10))
                },
            ])
        await downstream.close()
        await upstream.close()
        await client.closeGracefully(within: .seconds(10))
    }

    @Test(arguments: [true, false])
    func sessionsNeverLeaveTheirShard(secured: Bool) async throws {
        try await withShard { shard in
            taskhook_install()
            let foreignBefore = shard.executor.foreignJobs
            taskhook_mark_thread(true)
            let globalBefore = taskhook_count()
            for _ in 0..<3 { await Self.session(on: shard, secured: secured) }
            taskhook_mark_thread(false)
            #expect(taskhook_count() == globalBefore)
            #expect(shard.executor.foreignJobs == foreignBefore)
        }
    }

    @Test func aTaskOnThePoolIsDetected() async throws {
        try await withShard { shard in
            taskhook_install()
            taskhook_mark_thread(true)
            let before = taskhook_count()
            let foreignBefore = shard.executor.foreignJobs
            await Task.detached { _ = await shard.liveTasks }.value
            taskhook_mark_thread(false)
            #expect(taskhook_count() > before)
            #expect(shard.executor.foreignJobs > foreignBefore)
        }
    }

    /// One thread a shard and none of the kernel's workers, whatever the sessions do. In a process of its own, where no
    /// other test starts threads.
    @Test func shardsHaveOneThreadEach() async {
        await #expect(processExitsWith: .success) {
            let shards = try (0..<2).map { try Shard(number: $0, allowing: allowedFeatures) }
            // The concurrency runtime's own threads come with the first tasks.
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<16 { group.addTask { await Task.yield() } }
            }
            let before = DetectorTests.threads()
            let threads = shards.map { $0.start() }
            await withTaskGroup(of: Void.self) { group in
                for shard in shards {
                    group.addTask {
                        await shard.perform { shard in
                            for secured in [true, false] { await DetectorTests.session(on: shard, secured: secured) }
                            await DetectorTests.slowReader(on: shard)
                            let now = DetectorTests.threads()
                            precondition(!now.contains { $0.hasPrefix("iou-wrk") }, "worker threads: \(now)")
                            let added = now.filter { $0.hasPrefix("shard") }.count
                            precondition(added == 2, "shard threads: \(now)")
                            precondition(now.count <= before.count + 2, "threads: \(now), before \(before)")
                        }
                    }
                }
            }
            for shard in shards { await shard.stop() }
            for thread in threads { thread.join() }
        }
    }

    @Test func aWorkerOfTheKernelIsDetected() async throws {
        try await withShard { shard in
            let splice = await RingPipe.splice(through: shard.ring, bytes: 1000)
            #expect(splice == 1000)
            #expect(Self.threads().contains { $0.hasPrefix("iou-wrk") })
        }
    }

    /// A large message to a peer that takes it in small pieces.
    private static func slowReader(on shard: isolated Shard) async {
        let pair = Pair().narrow()
        let (writer, reader) = (Stream(shard.ring, descriptor: pair.ours), Stream(shard.ring, descriptor: pair.theirs))
        let message = Pattern(seed: 12)
        await together(
            shard,
            [
                {
                    let error = await message.send(4 << 20, by: writer)
                    precondition(error == nil)
                    precondition(!threads().contains { $0.hasPrefix("iou-wrk") })
                },
                {
                    let received = await message.receive(by: reader)
                    precondition(received == 4 << 20)
                },
            ])
        await writer.close()
        await reader.close()
    }

    #if DEBUG
        /// A shard that computes for longer than a turn may take is noticed.
        @Test func aTurnThatTakesTooLongIsNoticed() async throws {
            let slowTurns = try await withShard { shard in
                let before = shard.ring.statistics.slowTurns
                let busyUntil = Instant.current() + .milliseconds(60)
                while Instant.current() < busyUntil {}
                await Task.yield()
                return shard.ring.statistics.slowTurns - before
            }
            #expect(slowTurns >= 1)
        }
    #endif

    /// The names of this process's threads.
    private static func threads() -> [String] {
        var names: [String] = []
        guard let directory = opendir("/proc/self/task") else { return [] }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != "..", let file = fopen("/proc/self/task/\(name)/comm", "r") else { continue }
            defer { fclose(file) }
            var line = [UInt8](repeating: 0, count: 32)
            let length = fread(&line, 1, line.count, file)
            names.append(String(decoding: line.prefix(max(0, length - 1)), as: UTF8.self))
        }
        return names
    }
}
