/// A poll on a connection from which nothing is being received, by which its reset is noticed all the same. It stays
/// from the first time it is needed on, because that costs less than one for each time.
struct SourceWatch {
    var operation: OperationID?
    private var isOver: Bool

    init(isWorthwhile: Bool) {
        isOver = !isWorthwhile
    }

    /// No event but those that are waited for in any case.
    static let events = PollEvents().rawValue

    /// There is none yet, and it could tell something.
    var isWanted: Bool { operation == nil && !isOver }

    /// True where the connection broke. A FIN is no break: bytes may be left to read. It ends the watch, because a
    /// further look would tell it again at once.
    mutating func hasFailed(_ result: Int32) -> Bool {
        let hasFailed = result >= 0 && PollEvents(rawValue: UInt32(result)).contains(.failed)
        if !hasFailed { isOver = true }
        return hasFailed
    }
}
