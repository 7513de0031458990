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

    /// Opens descriptors until no more can be had, and returns them.
    static func takeAll(softLimit: UInt) -> [Int32] {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = min(softLimit, limit.rlim_max)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        var taken: [Int32] = []
        while case let next = dup(STDIN_FILENO), next >= 0 { taken.append(next) }
        return taken
    }
}
