import Glibc
import Ring

/// An idle run from the beginning to the end.
enum IdleRun {
    /// Blocks until all sessions have ended.
    static func perform(_ settings: IdleSettings) throws(Unavailable) -> IdleSummary {
        guard let target = settings.client.target else { throw Unavailable("no target") }
        let before = try usage(settings)
        let ending = Latch()
        let waiting = Offload(threads: settings.client.shards)
        let opened = BlockingQueue<Void>(limit: settings.client.shards)
        let begin = Instant.current()
        let run = try ClientRun(settings.client, target: target) { shard, client in
            let idle = IdleShard(shard.number, client, settings)
            await idle.open(on: shard)
            precondition(opened.push(()))
            // Refused only once the pool is closed, which is after this.
            _ = try? await waiting.run { ending.wait() }
            await idle.end(on: shard)
            return idle.report
        }
        for _ in 0..<settings.client.shards { _ = opened.pop() }
        let openNanoseconds = Instant.current().nanoseconds(since: begin)
        let opening = try? usage(settings)
        pause(settings.hold)
        let held = try? usage(settings)
        ending.open()
        var report = IdleReport()
        for part in run.wait() { report.merge(part) }
        waiting.close()
        return IdleSummary(
            settings: settings, target: target, report: report, openNanoseconds: openNanoseconds,
            before: before, opened: opening ?? nil, held: held ?? nil, after: (try? usage(settings)) ?? nil)
    }

    /// Nil where no process is to be looked at.
    private static func usage(_ settings: IdleSettings) throws(Unavailable) -> ProcessUsage? {
        guard let pid = settings.pid else { return nil }
        guard let usage = ProcessUsage.read(pid: pid) else {
            throw Unavailable("the memory of process \(pid) cannot be read")
        }
        return usage
    }

    /// Blocks this thread, which is none of the shards'.
    private static func pause(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        var rest = timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        var left = timespec()
        while nanosleep(&rest, &left) != 0, errno == EINTR { rest = left }
    }
}
