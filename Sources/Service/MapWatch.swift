import Policy
import Ring
import Telemetry

/// Has the files of maps read again when they change, on a thread of its own, which is there once there are some.
final class MapWatch: Sendable {
    private final class Stores: Sendable {
        let list = Locked<[CSVStore]>([])
    }

    private final class Watch: Sendable {
        let watch = Locked<FileWatch?>(nil)
    }

    private let stores = Stores()
    private let watch = Watch()
    private let log: Log

    init(_ log: Log) {
        self.log = log
    }

    /// From the next look on, looks after these.
    func look(after stores: [CSVStore]) {
        self.stores.list.withLock { $0 = stores }
        watch.watch.withLock { watch in
            if watch == nil, !stores.isEmpty {
                watch = FileWatch { [stores = self.stores, log] in
                    var isToLookAgain = false
                    for store in stores.list.withLock({ $0 }) {
                        switch store.look() {
                        case .same: break
                        case .later: isToLookAgain = true
                        case .new: Self.tell(of: store, log)
                        }
                    }
                    return isToLookAgain
                }
            }
            watch?.look(after: stores.map(\.path))
        }
    }

    private static func tell(of store: CSVStore, _ log: Log) {
        if let problem = store.problem {
            log.error(
                "the file of a map has changed, the former routes stay in use: \(store.path): \(problem)",
                event: .reloadRefused)
            return
        }
        log.info(
            "the file of a map was read again", ["file": store.path, "keys": "\(store.count)"], event: .reloadDone)
        for doubt in store.doubts { log.warning("\(store.path): \(doubt)") }
    }

    /// Ends the thread. Once.
    func end() {
        watch.watch.withLock { $0.take() }?.end()
    }
}
