/// The result of a comparison, to be printed or judged.
struct CompareSummary: Sendable {
    let settings: CompareSettings
    /// Of each target, a sample a round.
    let samples: [[CompareSample]]
    /// What has arrived behind the targets; nil where that is not known.
    let sink: SinkReport?

    /// Messages that one target has accepted, in any round, and that have not arrived intact.
    func lost(_ target: Int) -> Int? {
        guard let sink else { return nil }
        return samples[target].reduce(0) { sum, sample in
            sum + sample.summary.report.accepted.missing(in: sink.ledger.runs[sample.summary.run] ?? NumberSet())
        }
    }

    /// Every session of every run went through, and everything arrived once, as far as can be seen.
    var isClean: Bool {
        sink?.isClean ?? true && settings.targets.indices.allSatisfy { isClean($0) }
    }

    private func isClean(_ target: Int) -> Bool {
        samples[target].allSatisfy { $0.summary.report.isClean } && lost(target) ?? 0 == 0
    }

    /// One metric of one target over the rounds; nil where it is not known.
    func values(_ metric: Metric, _ target: Int) -> Spread? {
        Spread(samples[target].compactMap { $0.values[metric] })
    }

    /// What the first target has of it, as a part of what another has, round by round: what drifts over the rounds
    /// does not show.
    func ratios(_ metric: Metric, _ other: Int) -> Spread? {
        Spread(
            zip(samples[0], samples[other]).compactMap { first, other in
                guard let value = first.values[metric], let base = other.values[metric], base > 0 else { return nil }
                return value / base
            })
    }

    /// Those that are known of any target.
    private var metrics: [Metric] {
        Metric.allCases.filter { metric in settings.targets.indices.contains { values(metric, $0) != nil } }
    }

    // MARK: JSON

    var json: JSON {
        var members: [(String, JSON)] = [
            ("load", .string(settings.load.summary)), ("rounds", .integer(settings.rounds)),
            ("targets", .array(settings.targets.indices.map(json))),
        ]
        if let sink { members.append(("sink", sink.json)) }
        members.append(("ok", .bool(isClean)))
        return .object(members)
    }

    private func json(_ target: Int) -> JSON {
        func spreads(_ spread: (Metric, Int) -> Spread?) -> JSON {
            .object(metrics.compactMap { metric in spread(metric, target).map { (metric.rawValue, $0.json) } })
        }
        let compared = settings.targets[target]
        return .object([
            ("name", .string(compared.name)), ("target", .string("\(compared.address)")),
            ("pid", compared.pid.map { .integer($0) } ?? .null), ("figures", spreads(values)),
            ("ratios_of_first", spreads(ratios)), ("samples", .array(samples[target].map(\.json))),
            ("lost", lost(target).map { .integer($0) } ?? .null), ("ok", .bool(isClean(target))),
        ])
    }

    // MARK: Tables

    /// The cells of the table: a head, and a row for each metric: the medians, then the ratios of the first target to
    /// the others.
    private var rows: [[String]] {
        let names = settings.targets.map(\.name)
        let head = [""] + names + names.dropFirst().map { "\(names[0]) : \($0)" }
        return [head]
            + metrics.map { metric in
                let medians = names.indices.map { values(metric, $0).map { metric.text($0.median) } ?? "-" }
                let compared = names.indices.dropFirst().map { ratios(metric, $0)?.ratioText ?? "-" }
                return [metric.title] + medians + compared
            }
    }

    /// What was done, in a line.
    private var headline: String {
        "\(settings.load.summary); medians of \(settings.rounds) rounds; ratios (smallest..largest)"
    }

    /// A line for each target where something went wrong.
    private var complaints: [String] {
        settings.targets.indices.filter { !isClean($0) }.flatMap { index in
            let failed = samples[index].reduce(0) { $0 + $1.summary.report.sessionsFailed }
            let losses = lost(index).map { ", \($0) messages lost" } ?? ""
            var failures = FailureTally()
            for sample in samples[index] { failures.merge(sample.summary.report.failures) }
            return ["\(settings.targets[index].name): \(failed) sessions failed\(losses)"] + failures.lines
        }
    }

    /// Who spoke which TLS: targets that do not do the same are told apart by more than their speed.
    private var securities: [String] {
        settings.targets.indices.compactMap { index in
            var versions: [String: Int] = [:]
            for sample in samples[index] {
                versions.merge(sample.summary.report.tlsVersions, uniquingKeysWith: +)
            }
            let resumed = samples[index].reduce(0) { $0 + $1.summary.report.tlsResumed }
            return LoadReport.tlsText(versions, resumed: resumed).map { "\(settings.targets[index].name): \($0)" }
        }
    }

    private var arrivals: [String] {
        sink.map { ["arrived     \($0.messages) messages, \($0.damaged) damaged, \($0.duplicates) twice"] } ?? []
    }

    var text: String {
        let rows = rows
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let table = rows.map { row in
            zip(row, widths).enumerated().map { column, cell in
                column == 0 ? cell.0.padded(to: cell.1) : "  " + cell.0.aligned(to: cell.1)
            }.joined()
        }
        return ([headline, ""] + table + [""] + securities + arrivals + complaints).map { $0 + "\n" }.joined()
    }

    /// The same for a page in Markdown.
    var markdown: String {
        let rows = rows
        let lines = rows.map { "| \($0.joined(separator: " | ")) |" }
        let rule = "|\(rows[0].indices.map { $0 == 0 ? " --- |" : " ---: |" }.joined())"
        let notes = (securities + complaints).map { "- \($0)" }
        return ([headline, "", lines[0], rule] + lines.dropFirst() + (notes.isEmpty ? [] : [""] + notes))
            .map { $0 + "\n" }.joined()
    }
}
