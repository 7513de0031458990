import CLinux
import Ring

/// The ring: slots, timers, operations, streams.
func ringBenchmarks(_ shard: isolated Shard) -> [Benchmark] {
    let ring = shard.ring
    return [slotBenchmark(), timerBenchmark(ring), pollBenchmark(ring)] + [64, 4_096].map { echoBenchmark(shard, $0) }
}

private func socketPair() -> (Int32, Int32) {
    var ends: [Int32] = [0, 0]
    let result = linux_socket_pair(&ends)
    precondition(result == 0, "no sockets: \(systemErrorText(-result))")
    return (ends[0], ends[1])
}

/// As with a thousand operations in flight.
private func slotBenchmark() -> Benchmark {
    let inFlight = 1_000
    return Benchmark("slot table, a value put in, looked at and taken out") { count in
        var table = SlotTable<Int>()
        var ids = (0..<inFlight).map { table.insert($0) }
        for number in 0..<count {
            let place = number % inFlight
            precondition(table.value(ids[place]) != nil && table.remove(ids[place]) != nil)
            ids[place] = table.insert(number)
        }
    }
}

/// As each step of a session does it; the timers of a thousand others are on the wheel.
private func timerBenchmark(_ ring: Ring) -> Benchmark {
    let pairs = (0..<500).map { _ in socketPair() }
    let streams = pairs.flatMap { [$0.0, $0.1] }.map { Stream(ring, descriptor: $0) }
    return Benchmark("timer wheel, a deadline put off") {
        for stream in streams { await stream.close() }
    } _: { count in
        let begin = Instant.current()
        for number in 0..<count {
            streams[number % streams.count].deadline = begin + .seconds(300 + number % 60)
        }
    }
}

private func pollBenchmark(_ ring: Ring) -> Benchmark {
    let (end, other) = socketPair()
    return Benchmark("ring operation, a poll of what is ready") {
        linux_close(end)
        linux_close(other)
    } _: { count in
        for _ in 0..<count {
            guard let events = try? await ring.poll(end, for: .writable), events.contains(.writable) else {
                preconditionFailure("not ready")
            }
        }
    }
}

/// There and back over a pair of sockets: four sends and receives.
private func echoBenchmark(_ shard: isolated Shard, _ length: Int) -> Benchmark {
    let (end, other) = socketPair()
    let near = Stream(shard.ring, descriptor: end)
    let far = Stream(shard.ring, descriptor: other)
    shard.spawn {
        while (try? await far.waitForInput()) != nil {
            guard (try? await far.write(far.takeInput(far.buffered))) != nil else { break }
        }
        await far.close()
    }
    let bytes = [UInt8](repeating: 0x61, count: length)
    return Benchmark("ring operations, an echo of \(length) bytes over a socket pair") {
        await near.close()
    } _: { count in
        for _ in 0..<count {
            do throws(StreamError) {
                try await near.write(bytes)
                while near.buffered < length { try await near.waitForInput() }
            } catch {
                preconditionFailure("\(error)")
            }
            near.dropInput(length)
        }
    }
}
