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

    /// Lowers the soft limit.
    static func limit(to soft: UInt) {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        getrlimit(resource, &limit)
        limit.rlim_cur = min(soft, limit.rlim_max)
        setrlimit(resource, &limit)
    }

    /// Opens descriptors until no more can be had, and returns them.
    static func takeAll() -> [Int32] {
        var taken: [Int32] = []
        while case let next = open("/dev/null", O_RDONLY), next >= 0 { taken.append(next) }
        return taken
    }
}
