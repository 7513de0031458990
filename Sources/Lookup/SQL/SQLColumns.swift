import Wire

/// What the clients in C give their columns to.
struct SQLColumns {
    private var row: SQLRow = []

    /// Has `ask` fill a row through a context.
    static func filled<Outcome>(
        by ask: (_ context: UnsafeMutableRawPointer) -> Outcome
    ) -> (outcome: Outcome, row: SQLRow) {
        var columns = SQLColumns()
        let outcome = withUnsafeMutablePointer(to: &columns) { ask(UnsafeMutableRawPointer($0)) }
        return (outcome, columns.row)
    }

    /// Adds a column to what a context stands for.
    static func add(_ context: UnsafeMutableRawPointer?, _ bytes: UnsafePointer<UInt8>?, _ length: Int) {
        let column = bytes.map { Array(UnsafeBufferPointer(start: $0, count: length)) }
        context!.assumingMemoryBound(to: SQLColumns.self).pointee.row.append(column)
    }
}

extension SQLFailure {
    /// What `ask` says of it, in words of the library's: cut, and of printable characters.
    init(reasonBytes: Int32, _ buffer: [CChar]) {
        let words = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        self.init(String(escaping: words, limitBytes: Int(reasonBytes)))
    }
}

extension Duration {
    /// In nanoseconds, as the clients in C want it.
    var nanosecondsForC: Int64 { max(0, Int64(clamping: Int128(attoseconds / 1_000_000_000))) }

    /// In seconds, at least one.
    var wholeSecondsForC: UInt32 { UInt32(clamping: max(1, (self + .milliseconds(999)).components.seconds)) }
}
