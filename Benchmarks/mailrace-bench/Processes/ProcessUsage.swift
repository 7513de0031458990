/// What a process, with all that descend from it, holds at one moment and has used until then, from /proc.
struct ProcessUsage: Equatable, Sendable {
    /// Memory in bytes: its share of what it has in common with others, and all that is resident.
    let proportionalBytes: Int
    let residentBytes: Int
    let descriptors: Int
    /// CPU time.
    let processorSeconds: Double

    /// Nil where there is no such process, or one of them is another user's. Who has ended meanwhile holds nothing.
    static func read(pid: Int) -> ProcessUsage? {
        let members = ProcessTree.members(of: pid)
        var memories: [Memory] = []
        for member in members {
            if let memory = Memory(pid: member) {
                memories.append(memory)
            } else if member == pid || ProcessTimes.read(pid: member)?.hasEnded == false {
                return nil
            }
        }
        guard !memories.isEmpty, let seconds = ProcessTree.processorSeconds(of: pid) else { return nil }
        return ProcessUsage(
            proportionalBytes: memories.reduce(0) { $0 + $1.proportionalBytes },
            residentBytes: memories.reduce(0) { $0 + $1.residentBytes },
            descriptors: members.reduce(0) { $0 + ProcFile.entries(of: "/proc/\($1)/fd").count },
            processorSeconds: seconds)
    }

    private struct Memory {
        let proportionalBytes: Int
        let residentBytes: Int

        init?(pid: Int) {
            guard let text = ProcFile.text(of: "/proc/\(pid)/smaps_rollup"),
                let proportional = ProcessUsage.kibibytes("Pss:", in: text),
                let resident = ProcessUsage.kibibytes("Rss:", in: text)
            else { return nil }
            proportionalBytes = proportional * 1_024
            residentBytes = resident * 1_024
        }
    }

    /// The number in the line that starts with `name`.
    static func kibibytes(_ name: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return line.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) }
        }
        return nil
    }
}
