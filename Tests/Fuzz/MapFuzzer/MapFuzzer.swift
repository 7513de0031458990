import Lookup
import Policy
import Ring
import Telemetry

/// Takes the input for a file of routes, for the answer of a map, for an address and for who somebody is, and checks
/// what came of it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMap(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    for subject in MapKey.Kind.Subject.allCases { checkFile(bytes, CSVRules(subject: subject, upstreams: ["backend"])) }
    if let place = MapPlace(bytes, upstreams: ["backend"]), case .server(let server) = place {
        // What it is written as is the same place; in paths it is escaped.
        let text = server.description
        precondition(text.hasPrefix("unix:") || MapPlace(Array(text.utf8), upstreams: []) == place)
    }
    checkAddress(bytes)
    checkKeys(bytes)
    checkAnswer(bytes)
    return 0
}

/// An answer that says something says it with its own words; a key stays within its part of a URL.
private func checkAnswer(_ bytes: [UInt8]) {
    if let entry = try? HTTPMapAnswer.entry(status: 200, body: bytes, upstreams: ["backend"]) {
        precondition(!entry.server.isEmpty && entry.server.count < bytes.count)
    }
    let server = HTTPMapURL("http://192.0.2.1/{kind}/{key}?")?.server(for: MapKey(.address, bytes))
    if let url = server?.url.utf8 {
        precondition(url.starts(with: "http://192.0.2.1:80/address/".utf8) && url.last == UInt8(ascii: "?"))
        precondition(url.count { $0 == UInt8(ascii: "/") } == 4 && url.count { $0 == UInt8(ascii: "?") } == 1)
    } else {
        precondition(bytes.count > HTTPServer.textLimitBytes / 4)
    }
}

/// However the file is cut into parts, it says the same; the last line of a key holds.
private func checkFile(_ bytes: [UInt8], _ rules: CSVRules) {
    let whole = table(bytes, rules, partBytes: max(1, bytes.count))
    let parts = table(bytes, rules, partBytes: 3)
    precondition((whole == nil) == (parts == nil))
    guard let whole, let parts else { return }
    precondition(whole.count == parts.count)
    for line in bytes.split(separator: 0x0A) {
        let key = MapKey(rules.subject == .client ? .client : .address, CSVLine(line).fields[0])
        let entry = whole.entry(of: key)
        precondition(entry == parts.entry(of: key))
        if let entry { precondition(MapPlace(entry.server, upstreams: rules.upstreams) != nil) }
    }
}

private func table(_ bytes: [UInt8], _ rules: CSVRules, partBytes: Int) -> CSVTable? {
    var builder = CSVBuilder(rules)
    do throws(CSVProblem) {
        var start = 0
        while start < bytes.count {
            let end = min(start + partBytes, bytes.count)
            try builder.add(bytes.span.extracting(start..<end))
            start = end
        }
        try builder.finish()
    } catch {
        precondition(error.line > 0)
        return nil
    }
    return CSVTable(builder)
}

/// The form that maps have is its own form.
private func checkAddress(_ bytes: [UInt8]) {
    let address = MapAddress(bytes, foldsLocalPart: true)
    precondition(DomainName.normalised(address.domain) == address.domain || address.domain.contains { $0 >= 0x80 })
    precondition(DomainName.parents(of: address.domain).count <= 10)
    if let stripped = address.withoutDetail(behind: UInt8(ascii: "+")) {
        precondition(stripped.count < address.text.count && !stripped.starts(with: "+".utf8))
    }
}

/// Whoever it is, a handful of keys is asked for, each of its kind.
private func checkKeys(_ bytes: [UInt8]) {
    let id = SessionID(shard: 0, time: UTCTime(unixMilliseconds: 0), counter: 0)
    let facts = SessionFacts(id: id, listener: "mx", client: .loopback(port: 25))
    facts.candidate = EnvelopePath(command: [], address: bytes)
    facts.reversePath = EnvelopePath(command: [], address: bytes)
    facts.login = bytes
    for folds in [false, true] {
        let all = MapKeys(MapKey.Kind.allCases, delimiter: UInt8(ascii: "+"), foldsLocalParts: folds).keys(of: facts)
        precondition(all.count <= MapKey.Kind.allCases.count + 2 * 10)
        precondition(all.allSatisfy { $0.kind != .wildcard || $0.text.starts(with: "*.".utf8) })
        precondition(all.allSatisfy { $0.kind != .parentDomain || $0.text.first == UInt8(ascii: ".") })
    }
}
