import CLinux

/// Something small that is done again and again.
struct Benchmark {
    /// What one operation is, for people.
    let name: String
    /// Does it so often. Checks that all went as it should: what is not done right is not fast.
    let perform: nonisolated(nonsending) (Int) async -> Void
    /// Gives back what it used.
    let finish: nonisolated(nonsending) () async -> Void

    init(
        _ name: String, finish: nonisolated(nonsending) @escaping () async -> Void = {},
        _ perform: nonisolated(nonsending) @escaping (Int) async -> Void
    ) {
        self.name = name
        self.perform = perform
        self.finish = finish
    }

    /// Runs it often enough to know.
    nonisolated(nonsending) func measure(_ effort: Effort) async -> Figure {
        // The first runs warm up caches and find out how many operations fill a run.
        var count = 1
        while true {
            let nanoseconds = await time(count)
            if nanoseconds >= effort.runNanoseconds / 2 {
                count = max(1, Int(Double(count) * Double(effort.runNanoseconds) / Double(nanoseconds)))
                break
            }
            count *= 2
        }
        var times: [Double] = []
        let before = Allocations.count
        for _ in 0..<effort.runs {
            times.append(Double(await time(count)) / Double(count))
        }
        let allocations = zip(before, Allocations.count).map { Double($1 - $0) / Double(count * effort.runs) }
        return Figure(name: name, times: times.sorted(), allocations: allocations)
    }

    /// CPU time of this thread: others on the machine matter less.
    nonisolated(nonsending) private func time(_ count: Int) async -> UInt64 {
        let begin = linux_thread_cpu_ns()
        await perform(count)
        return max(1, linux_thread_cpu_ns() - begin)
    }
}

/// How much time is spent.
struct Effort {
    let runs = 11
    /// CPU time of a run.
    let runNanoseconds: UInt64
}

/// Two optionals as one: nil where either is.
private func zip(_ first: UInt64?, _ second: UInt64?) -> (UInt64, UInt64)? {
    guard let first, let second else { return nil }
    return (first, second)
}
