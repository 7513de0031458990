import Glibc
import Ring

/// A load run from the beginning to the end, with or without a sink of its own behind the target.
enum LoadRun {
    /// Blocks until all sessions have ended.
    ///
    /// - Parameters:
    ///   - sink: a sink for this run alone; where the settings name no target, it is the target.
    ///   - title: stands in front of the line that tells how far the run is, on a terminal; nil: there is none.
    ///   - interruption: ends the run before its time.
    static func perform(
        _ settings: LoadSettings, sink: SinkSettings?, title: String? = nil, interruption: Interruption? = nil
    ) throws(Unavailable) -> LoadSummary {
        let server = try sink.map { settings throws(Unavailable) in try SinkServer(settings) }
        guard let target = settings.client.target ?? server?.address else { throw Unavailable("no target") }
        // A name that is wrong is told now rather than after the run.
        if let journal = settings.journal { _ = try ArrivalJournal.read(journal) }
        let processorBefore = processorNanoseconds()
        let progress = title == nil ? nil : Progress()
        let run = try ClientRun(settings.client, target: target) { shard, client in
            await LoadShard(shard.number, client, settings, progress, interruption).run(on: shard)
        }
        let line = progress.flatMap { ProgressLine($0, title: title ?? "") }
        let parts = run.wait()
        line?.end()
        var report = parts[0]
        for part in parts.dropFirst() { report.merge(part) }
        let end = Instant.current()
        var seen = server?.finish()
        if let journal = settings.journal { seen = SinkReport(ledger: try ArrivalJournal.read(journal)) }
        let processorAfter = processorNanoseconds()
        return LoadSummary(
            settings: settings, target: target, run: run.id, report: report,
            elapsedNanoseconds: end.nanoseconds(since: report.measured),
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
