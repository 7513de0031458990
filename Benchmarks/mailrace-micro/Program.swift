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
        var map = (file: "", keys: "")
        var rest = arguments
        while let name = rest.popFirst() {
            switch (name, rest.popFirst()) {
            case ("--only", let text?): word = text
            case ("--map", let path?): map.file = path
            case ("--keys", let path?): map.keys = path
            case ("--run-ms", let text?):
                guard let number = UInt64(text), 1...runLimit ~= number else { fallthrough }
                milliseconds = number
            default:
                print(
                    "mailrace-micro: wants [--only WORD] [--run-ms N], N from 1 to \(runLimit), "
                        + "or --map FILE --keys FILE")
                return 64
            }
        }
        do throws(RingUnavailable) {
            if !map.file.isEmpty {
                let (file, keys) = map
                return try onShard { _ in await MapLoad.run(file, keysPath: keys) }
            }
            let figures = try measure(word, Effort(runNanoseconds: milliseconds * 1_000_000))
            print(Figure.json(figures))
            return 0
        } catch {
            print("mailrace-micro: \(error.description)")
            return 69
        }
    }

    private static func measure(_ word: String, _ effort: Effort) throws(RingUnavailable) -> [Figure] {
        try onShard { shard in
            var figures: [Figure] = []
            for benchmark in wireBenchmarks() + ringBenchmarks(shard) + tlsBenchmarks() {
                if benchmark.name.contains(word) { figures.append(await benchmark.measure(effort)) }
                await benchmark.finish()
            }
            return figures
        }
    }

    /// What `body` gives on a shard of its own.
    private static func onShard<Result: Sendable>(
        _ body: @escaping @Sendable (isolated Shard) async -> Result
    ) throws(RingUnavailable) -> Result {
        let shard = try Shard()
        let thread = shard.start()
        let results = BlockingQueue<Result>(limit: 1)
        shard.post { shard in
            shard.spawn {
                let result = await body(shard)
                precondition(results.push(result))
            }
        }
        guard let result = results.pop() else { preconditionFailure("a shard gave nothing") }
        shard.post { $0.stop() }
        thread.join()
        return result
    }
}
