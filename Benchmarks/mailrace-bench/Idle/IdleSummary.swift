import Ring

/// The result of an idle run, to be printed or judged.
struct IdleSummary: Sendable {
    let settings: IdleSettings
    let target: SocketAddress
    let report: IdleReport
    let openNanoseconds: UInt64
    /// The target's processes: before the first session, with all of them open (at the beginning and at the end of the
    /// hold), and when they are gone.
    let before: ProcessUsage?
    let opened: ProcessUsage?
    let held: ProcessUsage?
    let after: ProcessUsage?

    /// Every session was opened and went on after the hold.
    var isClean: Bool { report.opened == settings.sessions && report.lost == 0 }

    /// Memory that the open sessions added, in bytes a session.
    private func perSession(_ memory: (ProcessUsage) -> Int) -> Double? {
        guard let before, let held, report.opened > 0 else { return nil }
        return (Double(memory(held) - memory(before)) / Double(report.opened)).rounded()
    }

    /// CPU time that the target has used while the sessions were held, in milliseconds a second.
    private var heldProcessorMilliseconds: Double? {
        guard let opened, let held, settings.hold > .zero else { return nil }
        return (1e3 * (held.processorSeconds - opened.processorSeconds) / (settings.hold / .seconds(1)))
            .rounded(toDigits: 1)
    }

    var json: JSON {
        let number = { (value: Double?) in value.map { JSON.number($0) } ?? .null }
        return .object([
            ("target", .string("\(target)")), ("sessions", .integer(settings.sessions)),
            ("opened", .integer(report.opened)), ("delivered", .integer(report.delivered)),
            ("lost", .integer(report.lost)), ("errors", report.failures.json),
            ("open_seconds", .number(Double(openNanoseconds / 1_000_000) / 1_000)),
            ("pss_bytes_per_session", number(perSession(\.proportionalBytes))),
            ("rss_bytes_per_session", number(perSession(\.residentBytes))),
            ("held_cpu_milliseconds_per_second", number(heldProcessorMilliseconds)),
            ("before", Self.json(before)), ("held", Self.json(held)), ("after", Self.json(after)),
            ("ok", .bool(isClean)),
        ])
    }

    private static func json(_ usage: ProcessUsage?) -> JSON {
        guard let usage else { return .null }
        return .object([
            ("pss_bytes", .integer(usage.proportionalBytes)), ("rss_bytes", .integer(usage.residentBytes)),
            ("descriptors", .integer(usage.descriptors)), ("cpu_seconds", .number(usage.processorSeconds)),
        ])
    }

    var text: String {
        var lines = [
            "target      " + (["\(target)"] + settings.client.words).joined(separator: ", "),
            "sessions    \(report.opened) of \(settings.sessions) opened in \(openNanoseconds / 1_000_000) ms, "
                + "\(report.lost) lost" + (settings.delivers ? ", \(report.delivered) messages delivered" : ""),
        ]
        let moments = [("before", before), ("held", held), ("after", after)]
        if settings.pid != nil {
            lines += ["", "process " + ["PSS KiB", "RSS KiB", "descriptors"].map { $0.aligned(to: 14) }.joined()]
            lines += moments.map { name, usage in
                let values = [
                    usage.map { $0.proportionalBytes / 1_024 }, usage.map { $0.residentBytes / 1_024 },
                    usage?.descriptors,
                ]
                return name.padded(to: 8) + values.map { ($0.map { "\($0)" } ?? "-").aligned(to: 14) }.joined()
            }
        }
        if let proportional = perSession(\.proportionalBytes), let resident = perSession(\.residentBytes) {
            lines.append("a session: \(Int(proportional)) bytes of PSS, \(Int(resident)) bytes of RSS")
        }
        if let heldProcessorMilliseconds {
            lines.append("while they were held: \(heldProcessorMilliseconds) ms of CPU a second")
        }
        return (lines + report.failures.lines).map { $0 + "\n" }.joined()
    }
}
