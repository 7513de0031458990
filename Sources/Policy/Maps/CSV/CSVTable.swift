import Wire

/// What a file of routes says. Immutable; for all shards.
///
/// One buffer holds all keys, and a table of hashes says where: beside the text of its key a line costs 10 bytes there
/// and 8 to 16 in the table. What stands behind the keys is kept once, however many lines say it.
package final class CSVTable: Sendable {
    /// The longest line, in bytes.
    static let lineLimitBytes = 4_096
    /// The most that is kept, in bytes: what 32 bits can count.
    static let bufferLimitBytes = Int(UInt32.max) - lineLimitBytes

    private let rows: [UInt8]
    /// Where a row begins, and 1 more; 0 is none. As many as a power of two.
    private let slots: [UInt32]
    private let entries: [MapEntry]
    private let networks: CSVNetworks
    /// Different keys.
    package let count: Int
    /// What stands behind the keys.
    package let reach: MapReach
    /// What is doubtful about the file.
    package let doubts: [String]

    package init(_ builder: consuming CSVBuilder) {
        var slots = [UInt32](repeating: 0, count: Self.slotCount(rows: builder.rowCount))
        var keys = 0
        var start = 0
        let rows = builder.rows
        while start < rows.count {
            let key = CSVRow.key(at: start, in: rows)
            var slot = Self.hash(rows.span, key) & (slots.count - 1)
            while slots[slot] != 0, !CSVRow.isKey(at: Int(slots[slot]) - 1, in: rows, as: key) {
                slot = (slot + 1) & (slots.count - 1)
            }
            if slots[slot] == 0 { keys += 1 }
            // The last of several holds.
            slots[slot] = UInt32(start) + 1
            start = key.upperBound
        }
        self.rows = rows
        self.slots = slots
        entries = builder.entries
        networks = builder.networks
        count = keys + builder.networks.count
        reach = MapReach(upstreams: builder.upstreams, servers: builder.servers)
        doubts = builder.doubts
    }

    /// At most half of them are taken, so that a look ends soon.
    private static func slotCount(rows: Int) -> Int {
        var count = 16
        while count < rows * 2 { count *= 2 }
        return count
    }

    package func entry(of key: MapKey) -> MapEntry? {
        if key.kind == .client {
            return IPAddress(String(decoding: key.text, as: UTF8.self)).flatMap(networks.entry(of:)).map { entries[$0] }
        }
        let text = key.text.span
        var slot = Self.hash(text, key.text.indices) & (slots.count - 1)
        while slots[slot] != 0 {
            let start = Int(slots[slot]) - 1
            if CSVRow.isKey(at: start, in: rows, equalTo: text) { return entries[CSVRow.entry(at: start, in: rows)] }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// FNV-1a, with its high bits brought down.
    private static func hash(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in range { hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01B3 }
        return Int(truncatingIfNeeded: (hash ^ hash >> 29) & 0x7FFF_FFFF_FFFF)
    }
}

/// A row of the buffer: the length of its key in two bytes, the number of its entry in four, the key.
enum CSVRow {
    private static let headBytes = 6

    static func append(_ key: [UInt8], _ entry: Int, to rows: inout [UInt8]) {
        for shift in [0, 8] { rows.append(UInt8(truncatingIfNeeded: key.count >> shift)) }
        for shift in [0, 8, 16, 24] { rows.append(UInt8(truncatingIfNeeded: entry >> shift)) }
        rows += key
    }

    static func key(at start: Int, in rows: [UInt8]) -> Range<Int> {
        let length = Int(rows[start]) | Int(rows[start + 1]) << 8
        return start + headBytes..<start + headBytes + length
    }

    static func entry(at start: Int, in rows: [UInt8]) -> Int {
        (0..<4).reduce(0) { $0 | Int(rows[start + 2 + $1]) << ($1 * 8) }
    }

    static func isKey(at start: Int, in rows: [UInt8], equalTo text: Span<UInt8>) -> Bool {
        let key = key(at: start, in: rows)
        guard key.count == text.count else { return false }
        for index in 0..<text.count where rows[key.lowerBound + index] != text[index] { return false }
        return true
    }

    static func isKey(at start: Int, in rows: [UInt8], as other: Range<Int>) -> Bool {
        let key = key(at: start, in: rows)
        guard key.count == other.count else { return false }
        for index in 0..<key.count where rows[key.lowerBound + index] != rows[other.lowerBound + index] { return false }
        return true
    }
}
