import Ring

/// Measures small things alone, each on the thread of a shard. `Benchmarks/micro` builds and runs it, and says what it
/// takes.
enum Program {
    /// A run's milliseconds, at most.
    private static let runLimit: UInt64 = 60_000

    /// Prints an array of JSON objects, or what is wrong. Returns the exit status.
    static func run(_ arguments: ArraySlice<String>) -> Int32 {
        var word = ""
        var milliseconds: UInt64 = 20
        var rest = arguments
        while let name = rest.popFirst() {
            switch (name, rest.popFirst()) {
            case ("--only", let text?): word = text
            case ("--run-ms", let text?):
                guard let number = UInt64(text), 1...runLimit ~= number else { fallthrough }
                milliseconds = number
            default:
                print("mailrace-micro: wants [--only WORD] [--run-ms N], N from 1 to \(runLimit)")
                return 64
            }
        }
        do throws(RingUnavailable) {
            let figures = try measure(word, Effort(runNanoseconds: milliseconds * 1_000_000))
            print(Figure.json(figures))
            return 0
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
