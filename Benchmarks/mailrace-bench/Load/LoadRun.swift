import Glibc
import Ring

/// A load run from the beginning to the end, with or without a sink of its own behind the target.
enum LoadRun {
    /// Blocks until all sessions have ended.
    ///
    /// - Parameter sink: a sink for this run alone; where the settings name no target, it is the target.
    static func perform(_ settings: LoadSettings, sink: SinkSettings?) throws(Unavailable) -> LoadSummary {
        let server = try sink.map { settings throws(Unavailable) in try SinkServer(settings) }
        guard let target = settings.client.target ?? server?.address else { throw Unavailable("no target") }
        // A name that is wrong is told now rather than after the run.
        if let journal = settings.journal { _ = try ArrivalJournal.read(journal) }
        let begin = Instant.current()
        let processorBefore = processorNanoseconds()
        let run = try ClientRun(settings.client, target: target) { shard, client in
            await LoadShard(shard.number, client, settings).run(on: shard)
        }
        var report = LoadReport()
        for part in run.wait() { report.merge(part) }
        let end = Instant.current()
        var seen = server?.finish()
        if let journal = settings.journal { seen = SinkReport(ledger: try ArrivalJournal.read(journal)) }
        let processorAfter = processorNanoseconds()
        return LoadSummary(
            settings: settings, target: target, run: run.id, report: report,
            elapsedNanoseconds: end.nanoseconds(since: begin),
            processorNanoseconds: processorAfter - processorBefore, sink: seen)
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
