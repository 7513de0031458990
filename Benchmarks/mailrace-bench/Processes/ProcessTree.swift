import Glibc

/// A process with all that descend from it, as with a server and its workers, from /proc.
enum ProcessTree {
    /// The process itself, then its descendants; empty where it is not there.
    static func members(of pid: Int) -> [Int] {
        var children: [Int: [Int]] = [:]
        var isThere = false
        for other in ProcFile.entries(of: "/proc").compactMap({ Int($0) }) {
            if other == pid { isThere = true }
            if let stat = ProcessTimes.read(pid: other) { children[stat.parent, default: []].append(other) }
        }
        guard isThere else { return [] }
        var members = [pid]
        var next = 0
        while next < members.count, members.count < membersLimit {
            members += children[members[next]] ?? []
            next += 1
        }
        return members
    }

    private static let membersLimit = 10_000

    /// CPU time of all of them in seconds, and of those children of theirs that have ended. It comes in hundredths.
    /// Nil where there is no such process.
    static func processorSeconds(of pid: Int) -> Double? {
        let times = members(of: pid).compactMap { ProcessTimes.read(pid: $0) }
        return times.isEmpty ? nil : times.reduce(0) { $0 + $1.seconds }
    }
}

/// What one process has used, from `/proc/PID/stat`.
struct ProcessTimes: Equatable {
    let parent: Int
    /// It is there only until its parent has asked how it ended.
    let hasEnded: Bool
    /// CPU time in user and kernel mode, of it and of its children that have been waited for.
    let seconds: Double

    static func read(pid: Int) -> ProcessTimes? {
        ProcFile.text(of: "/proc/\(pid)/stat").flatMap {
            ProcessTimes(stat: $0, ticksPerSecond: sysconf(Int32(_SC_CLK_TCK)))
        }
    }

    /// - Parameter stat: the file's line. The second field is a name in parentheses, which may hold anything.
    init?(stat: String, ticksPerSecond: Int) {
        guard let nameEnd = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[nameEnd...].split(separator: " ").dropFirst()
        let numbers = fields.map { Int($0) }
        // Behind the name: state, parent, ...; utime, stime, cutime and cstime are fields 14 to 17 of the line.
        guard numbers.count > 14, let state = fields.first, let parent = numbers[1] else { return nil }
        self.parent = parent
        hasEnded = state == "Z" || state == "X"
        seconds = Double(numbers[11...14].reduce(0) { $0 + ($1 ?? 0) }) / Double(ticksPerSecond)
    }
}

/// Files of /proc.
enum ProcFile {
    private static let textLimitBytes = 65_536

    static func text(of path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: textLimitBytes)
        let count = fread(&bytes, 1, bytes.count, file)
        return count == 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// The names in a directory, without those that begin with a dot.
    static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}
