import Glibc

/// The descriptors of this process. For tests in a process of their own.
enum Descriptors {
    /// How many are open.
    static var count: Int {
        guard let folder = opendir("/proc/self/fd") else { return -1 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return count
    }

    /// Lets the process have no more than `count`. Before anything accepts: the kernel keeps the limit that holds
    /// when an accept is begun.
    static func limit(to count: UInt) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = min(count, limit.rlim_max)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    /// Opens descriptors until no more can be had, and returns them.
    static func takeAll() -> [Int32] {
        var taken: [Int32] = []
        while case let next = dup(STDIN_FILENO), next >= 0 { taken.append(next) }
        return taken
    }
}
