#if DEBUG
    import Glibc

    /// The watchdog of debug builds: a shard that blocks is a bug, and says so.
    enum SlowTurns {
        static func report(shard: Int, milliseconds: UInt64) {
            let text = "shard \(shard): a turn took \(milliseconds) ms; nothing on a shard may block\n"
            text.withCString { _ = write(STDERR_FILENO, $0, strlen($0)) }
        }
    }
#endif
