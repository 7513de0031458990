import CLinux
import Glibc
import Ring

/// A load run from the beginning to the end, with or without a sink of its own behind the target.
enum LoadRun {
    /// Why a run could not begin, in words for people.
    struct Unavailable: Error {
        let reason: String
    }

    /// Blocks until all sessions have ended.
    ///
    /// - Parameter sink: a sink for this run alone; where the settings name no target, it is the target.
    static func perform(_ settings: LoadSettings, sink: SinkSettings?) throws(Unavailable) -> LoadSummary {
        let server: SinkServer?
        do throws(SinkServer.Unavailable) {
            server = try sink.map { settings throws(SinkServer.Unavailable) in try SinkServer(settings) }
        } catch {
            throw Unavailable(reason: error.reason)
        }
        guard let target = settings.target ?? server?.address else { throw Unavailable(reason: "no target") }
        var numbers = RandomNumbers(seed: settings.seed ^ linux_realtime_ns())
        let run = numbers.next()
        let text = MessageText(seed: settings.seed)
        let begin = Instant.current()
        let processorBefore = processorNanoseconds()
        let shards: ShardGroup<LoadReport>
        do throws(RingUnavailable) {
            shards = try ShardGroup(settings.shards) { shard in
                let content = MessageContent(
                    run: run, text: text, bodyBytes: settings.bodyBytes, sender: settings.sender,
                    recipient: settings.recipient)
                let load = LoadShard(shard.number, shard.ring, settings, target: target, content: content)
                return await load.run(on: shard)
            }
        } catch {
            throw Unavailable(reason: error.description)
        }
        var report = LoadReport()
        for part in shards.wait() { report.merge(part) }
        let end = Instant.current()
        let processor = processorNanoseconds() - processorBefore
        return LoadSummary(
            settings: settings, target: target, run: run, report: report,
            elapsedNanoseconds: end.nanoseconds(since: begin), processorNanoseconds: processor,
            sink: server?.finish())
    }

    /// CPU time of this process.
    private static func processorNanoseconds() -> UInt64 {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        return [usage.ru_utime, usage.ru_stime].reduce(0) {
            $0 + UInt64($1.tv_sec) * 1_000_000_000 + UInt64($1.tv_usec) * 1_000
        }
    }
}
