import Ring

/// Measures small things alone, each on the thread of a shard. `Benchmarks/micro` builds and runs it, and says what it
/// takes.
enum Program {
    /// Returns the exit status.
    static func run(_ arguments: [String]) -> Int32 {
        func argument(after name: String) -> String? {
            guard let index = arguments.firstIndex(of: name), index + 1 < arguments.count else { return nil }
            return arguments[index + 1]
        }
        let word = argument(after: "--only") ?? ""
        let milliseconds = argument(after: "--run-ms").flatMap { UInt64($0) }
        let effort = Effort(runNanoseconds: max(1, milliseconds ?? 20) * 1_000_000)
        do throws(RingUnavailable) {
            let figures = try measure(word, effort)
            print(arguments.contains("--json") ? Figure.json(figures) : Figure.table(figures))
            return figures.isEmpty ? 64 : 0
        } catch {
            print("mailrace-micro: \(error.description)")
            return 69
        }
    }

    private static func measure(_ word: String, _ effort: Effort) throws(RingUnavailable) -> [Figure] {
        let shard = try Shard()
        let thread = shard.start()
        let results = BlockingQueue<[Figure]>(limit: 1)
        shard.post { shard in
            shard.spawn {
                var figures: [Figure] = []
                for benchmark in wireBenchmarks() + ringBenchmarks(shard) + tlsBenchmarks() {
                    if benchmark.name.contains(word) { figures.append(await benchmark.measure(effort)) }
                    await benchmark.finish()
                }
                precondition(results.push(figures))
            }
        }
        let figures = results.pop() ?? []
        shard.post { $0.stop() }
        thread.join()
        return figures
    }
}
