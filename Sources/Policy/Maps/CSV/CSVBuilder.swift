/// Reads a file of routes, a part of it at a time: `KEY;SERVER` or `KEY;SERVER;TLS_VERIFY` a line, the first of which
/// is a header. Empty lines and those that begin with `#` say nothing.
///
/// A file is taken as a whole or not at all: half of one would send mail elsewhere.
package struct CSVBuilder: ~Copyable {
    private let rules: CSVRules
    /// The part of a line that has come so far.
    private var line: [UInt8] = []
    private var lineNumber = 1
    private var hasHeader = false
    private var numbers: [MapEntry: Int] = [:]

    private(set) var rows: [UInt8] = []
    private(set) var rowCount = 0
    private(set) var entries: [MapEntry] = []
    private(set) var networks = CSVNetworks()
    private(set) var upstreams: Set<String> = []
    /// Nil once there are too many.
    private(set) var servers: Set<MapServer>? = []
    private(set) var doubts: [String] = []

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// - Parameter expectedBytes: the length of the file.
    package init(_ rules: CSVRules, expectedBytes: Int = 0) {
        self.rules = rules
        rows.reserveCapacity(min(expectedBytes, CSVTable.bufferLimitBytes))
    }

    package mutating func add(_ bytes: Span<UInt8>) throws(CSVProblem) {
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte == 0x0A else {
                line.append(byte)
                if line.count > CSVTable.lineLimitBytes { throw problem("the line is too long") }
                continue
            }
            try endLine()
            lineNumber += 1
        }
    }

    /// The last line may have no end. Without a header it is no file of routes: who writes one and comes to nothing, as
    /// the disk is full, leaves an empty one, and with that everybody would be refused.
    package mutating func finish() throws(CSVProblem) {
        try endLine()
        guard hasHeader else { throw problem("there is no header; the first line is one, also where no route follows") }
    }

    private mutating func endLine() throws(CSVProblem) {
        defer { line.removeAll(keepingCapacity: true) }
        if lineNumber == 1, line.starts(with: Self.byteOrderMark) { line.removeFirst(Self.byteOrderMark.count) }
        if line.last == 0x0D { line.removeLast() }
        // Of another system, or of UTF-16: it would be one line, the header.
        guard !line.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) else {
            throw problem("a control character is in it")
        }
        let text = line.trimmed
        guard let first = text.first, first != UInt8(ascii: "#") else { return }
        let fields = CSVLine(text).fields
        guard hasHeader else {
            hasHeader = true
            if looksLikeRoute(fields) {
                doubts.append("line \(lineNumber): it is taken for the header, and looks like a route")
            }
            return
        }
        try add(fields)
    }

    private func looksLikeRoute(_ header: [[UInt8]]) -> Bool {
        guard header.count > 1 else { return false }
        if header[0].contains(.at) { return true }
        // A word alone could be a host; with a dot or a port it is surely no name of a column.
        let isNamed = header[1].contains(.dot) || header[1].contains(UInt8(ascii: ":"))
        switch MapPlace(header[1], upstreams: rules.upstreams) {
        case .upstream: return true
        case .server: return isNamed
        case nil: return false
        }
    }

    private mutating func add(_ fields: [[UInt8]]) throws(CSVProblem) {
        guard fields.count >= 2 else { throw problem("no semicolon stands behind the key") }
        guard fields.dropFirst(3).allSatisfy(\.isEmpty) else { throw problem("more than three columns") }
        guard !fields[0].isEmpty else { throw problem("there is no key") }
        let entry = try entry(fields)
        guard rows.count < CSVTable.bufferLimitBytes else { throw problem("the file is too large") }
        switch CSVKey(fields[0], rules) {
        case .text(let key):
            CSVRow.append(key, entry, to: &rows)
            rowCount += 1
        case .network(let network): networks.add(network, entry)
        case .refused(let reason): throw problem(reason)
        }
    }

    /// The number of what stands behind the key.
    private mutating func entry(_ fields: [[UInt8]]) throws(CSVProblem) -> Int {
        var entry = MapEntry(server: fields[1])
        if fields.count > 2, !fields[2].isEmpty {
            guard let verifies = Bool(mapText: fields[2]) else { throw problem("tls_verify is neither true nor false") }
            entry.verifiesTLS = verifies
        }
        if let known = numbers[entry] { return known }
        switch MapPlace(entry.server, upstreams: rules.upstreams) {
        case .upstream(let name): upstreams.insert(name)
        case .server where rules.namesUpstreamsAlone:
            throw problem("the server is no upstream, and the map has no upstream_settings for others")
        case .server(let address): note(MapServer(address, verifiesTLS: entry.verifiesTLS))
        case nil: throw problem("the server is none; expected one as in 192.0.2.1:25, or the name of an upstream")
        }
        entries.append(entry)
        numbers[entry] = entries.count - 1
        return entries.count - 1
    }

    private mutating func note(_ server: MapServer) {
        servers?.insert(server)
        if let count = servers?.count, count > RouterReach.serversMax { servers = nil }
    }

    private func problem(_ text: String) -> CSVProblem { CSVProblem(line: lineNumber, text: text) }
}
