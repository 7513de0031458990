/// A comparison from the beginning to the end.
enum CompareRun {
    /// Blocks until all rounds are over.
    static func perform(_ settings: CompareSettings) throws(Unavailable) -> CompareSummary {
        for target in settings.targets {
            if let pid = target.pid, ProcessTree.processorSeconds(of: pid) == nil {
                throw Unavailable("\(target.name): there is no process \(pid)")
            }
        }
        // One sink for all: a port that is closed and opened again would cost some runs their first sessions.
        let server = try settings.sink.map { settings throws(Unavailable) in try SinkServer(settings) }
        var samples = settings.targets.map { _ in [CompareSample]() }
        do throws(Unavailable) {
            for round in 0..<settings.rounds {
                for index in settings.order(of: round) {
                    let title = "round \(round + 1) of \(settings.rounds), \(settings.targets[index].name), "
                    samples[index].append(try measure(settings.targets[index], settings.load, title))
                }
            }
        } catch {
            _ = server?.finish()
            throw error
        }
        return CompareSummary(settings: settings, samples: samples, sink: server?.finish())
    }

    private static func measure(
        _ target: ComparedTarget, _ load: LoadSettings, _ title: String
    ) throws(Unavailable) -> CompareSample {
        var load = load
        load.client.target = target.address
        let before = target.pid.flatMap { ProcessTree.processorSeconds(of: $0) }
        let summary = try LoadRun.perform(load, sink: nil, title: title)
        let after = target.pid.flatMap { ProcessTree.processorSeconds(of: $0) }
        let seconds = before.flatMap { before in after.map { $0 - before } }
        let memory = target.pid.flatMap { ProcessUsage.read(pid: $0) }
        return CompareSample(summary, processorSeconds: seconds, memoryBytes: memory?.proportionalBytes)
    }
}
