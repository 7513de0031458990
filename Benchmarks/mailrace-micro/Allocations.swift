import Glibc

/// What the library of Benchmarks/counting, loaded before the heap's own, counts in the file that it shares with us.
enum Allocations {
    /// All so far; nil without the library.
    static var count: UInt64? { counters.map { $0.load(as: UInt64.self) } }

    /// The file begins with the number of allocations.
    nonisolated(unsafe) private static let counters: UnsafeMutableRawPointer? = {
        guard let name = getenv("COUNTERS_FILE") else { return nil }
        let file = open(name, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let place = mmap(nil, MemoryLayout<UInt64>.size, PROT_READ, MAP_SHARED, file, 0)
        return place == MAP_FAILED ? nil : place
    }()
}
