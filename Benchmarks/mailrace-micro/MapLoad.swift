import CLinux
import Glibc
import Lookup
import Policy

/// Loads a file of routes and looks keys up in it: `Benchmarks/maps` builds it and says what it takes.
enum MapLoad {
    /// Prints a JSON object, or what is wrong. Returns the exit status.
    ///
    /// - Parameters:
    ///   - path: the file of routes.
    ///   - keysPath: addresses to look up, one a line.
    static func run(_ path: String, keysPath: String) async -> Int32 {
        guard let keys = keys(in: keysPath), !keys.isEmpty else {
            print("mailrace-micro: no keys in \(keysPath)")
            return 66
        }
        let before = residentBytes
        let begin = linux_thread_cpu_ns()
        let store = CSVStore(path, CSVRules(subject: .recipient, upstreams: ["backend"]))
        store.refresh()
        let loading = linux_thread_cpu_ns() - begin
        if let problem = store.problem {
            print("mailrace-micro: \(path): \(problem)")
            return 65
        }
        let resident = residentBytes - before
        let map = CSVMap("routes", store)
        var found = 0
        var times: [UInt64] = []
        for _ in 0..<rounds {
            found = 0
            let begin = linux_thread_cpu_ns()
            for key in keys {
                if case .found = await map.look(up: key, cancellation: Cancellation()) { found += 1 }
            }
            times.append(linux_thread_cpu_ns() - begin)
        }
        let lookup = times.sorted()[rounds / 2] / UInt64(keys.count)
        print(
            "{\"keys\": \(store.count), \"load_ms\": \(loading / 1_000_000), \"resident_bytes\": \(resident), "
                + "\"lookups\": \(keys.count), \"found\": \(found), \"lookup_ns\": \(lookup)}")
        return 0
    }

    private static let rounds = 5

    private static func keys(in path: String) -> [MapKey]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var keys: [MapKey] = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while true {
            let count = getline(&line, &capacity, file)
            guard count > 0, let line else { return keys }
            let bytes = UnsafeRawBufferPointer(start: line, count: count).filter { $0 != 0x0A }
            keys.append(MapKey(.address, bytes))
        }
    }

    private static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let words = text.split(separator: " ")
        return words.count > 1 ? (Int(words[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }
}
