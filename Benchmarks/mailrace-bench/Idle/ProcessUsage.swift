import Glibc

/// What a process holds at one moment, from /proc.
struct ProcessUsage: Equatable, Sendable {
    /// Memory in bytes: its share of what it has in common with others, and all that is resident.
    let proportionalBytes: Int
    let residentBytes: Int
    let descriptors: Int

    private static let textLimitBytes = 65_536

    /// Nil where there is no such process, or it is another user's.
    static func read(pid: Int) -> ProcessUsage? {
        guard let memory = text(of: "/proc/\(pid)/smaps_rollup"), let descriptors = entries(of: "/proc/\(pid)/fd"),
            let proportional = kibibytes("Pss:", in: memory), let resident = kibibytes("Rss:", in: memory)
        else { return nil }
        return ProcessUsage(
            proportionalBytes: proportional * 1_024, residentBytes: resident * 1_024, descriptors: descriptors)
    }

    /// The number in the line that starts with `name`.
    static func kibibytes(_ name: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return line.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) }
        }
        return nil
    }

    private static func text(of path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: textLimitBytes)
        let count = fread(&bytes, 1, bytes.count, file)
        return count == 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    private static func entries(of path: String) -> Int? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            // Not `.` and `..`.
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return count
    }
}
