import Glibc
import Testing

@testable import Ring

/// A pump between two connections whose far ends the test drives.
final class PumpRig {
    /// The client's connection and the server's.
    let client: Pair
    let server: Pair
    let downstream: Stream
    let upstream: Stream
    let pump: Pump

    static let patient = Pump.Limits(idle: .seconds(60), halfClosedIdle: .seconds(60))

    init(
        _ ring: Ring, limits: Pump.Limits = patient, client: Pair = .tcp(), server: Pair = .tcp(),
        observer: (any PumpObserver)? = nil, prepare: (_ downstream: Stream, _ upstream: Stream) -> Void = { _, _ in }
    ) {
        self.client = client
        self.server = server
        downstream = Stream(ring, descriptor: client.ours)
        upstream = Stream(ring, descriptor: server.ours)
        prepare(downstream, upstream)
        pump = Pump(downstream: downstream, upstream: upstream, limits: limits, observer: observer)
    }

    /// Runs the pump to its end and closes both of its connections.
    func run() async -> Pump.Outcome {
        let outcome = await pump.run()
        #expect(downstream.receiving == nil && upstream.receiving == nil)
        await downstream.close()
        await upstream.close()
        return outcome
    }

    /// Runs the pump while `body` drives the far ends.
    func run(_ shard: isolated Shard, _ body: nonisolated(nonsending) @escaping () async -> Void) async -> Pump.Outcome?
    {
        var outcome: Pump.Outcome?
        await together(shard, [{ outcome = await self.run() }, { await body() }])
        return outcome
    }

    func hangUp() {
        client.hangUp()
        server.hangUp()
    }
}

/// A long message that repeats only after an odd length, so that a block that is lost, doubled or moved shows.
final class Pattern {
    private let period: [UInt8]

    init(seed: UInt64) {
        var random = Random(seed: seed)
        period = random.bytes(1 << 20 + 7)
    }

    /// Sends the first `count` bytes of the message and ends the direction.
    func send(_ count: Int, by stream: Stream, ends: Bool = true) async -> StreamError? {
        var left = count
        do throws(StreamError) {
            while left > 0 {
                try await stream.write(left >= period.count ? period : Array(period[..<left]))
                left -= min(left, period.count)
            }
            if ends { try await stream.finishSending() }
            return nil
        } catch {
            return error
        }
    }

    /// Reads until the end, or as far as `limit`, and compares; how many bytes came, `nil` where they are not the message.
    func receive(by stream: Stream, upTo limit: Int = .max) async -> Int? {
        var position = 0
        while position < limit {
            let ended = (try? await stream.waitForInput()) == nil
            let bytes = stream.takeInput(stream.buffered)
            guard matches(bytes, at: position) else { return nil }
            position += bytes.count
            if ended { break }
        }
        return position
    }

    private func matches(_ bytes: [UInt8], at position: Int) -> Bool {
        var done = 0
        while done < bytes.count {
            let start = (position + done) % period.count
            let length = min(period.count - start, bytes.count - done)
            let same = bytes.withUnsafeBytes { bytes in
                period.withUnsafeBytes { memcmp(bytes.baseAddress! + done, $0.baseAddress! + start, length) == 0 }
            }
            guard same else { return false }
            done += length
        }
        return true
    }
}
