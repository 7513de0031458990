import Ring

/// What came of a request: to reload, or to upgrade.
struct RequestReport: Sendable, Equatable {
    enum Outcome: Sendable {
        case done
        /// The configuration, or the request, is wrong: nothing has changed.
        case refused
        /// Something that is needed is not there: nothing has changed.
        case unavailable
        /// The process is about to end.
        case ending
    }

    let outcome: Outcome
    /// What there is to know, as `read: /etc/mailrace/mailrace.toml`; one line each.
    var facts: [String] = []
    /// One line each.
    var problems: [String] = []
    /// What is doubtful, and what needs a restart; one line each.
    var warnings: [String] = []

    var isDone: Bool { outcome == .done }

    static func done(_ facts: [String] = [], warnings: [String]) -> RequestReport {
        RequestReport(outcome: .done, facts: facts, warnings: warnings)
    }

    static let ending = RequestReport(outcome: .ending, problems: ["the server is ending"])

    static func refused(_ problems: [String]) -> RequestReport {
        RequestReport(outcome: .refused, problems: problems)
    }

    static func unavailable(_ problems: [String]) -> RequestReport {
        RequestReport(outcome: .unavailable, problems: problems)
    }
}

/// Where one thread waits for the report that another one gives. Once.
final class RequestAnswer: Sendable, Equatable {
    private let queue = BlockingQueue<RequestReport>(limit: 1)

    func give(_ report: RequestReport) {
        _ = queue.push(report)
    }

    /// Blocks until there is a report.
    func wait() -> RequestReport {
        guard let report = queue.pop() else { preconditionFailure("the queue is never closed") }
        return report
    }

    static func == (one: RequestAnswer, other: RequestAnswer) -> Bool { one === other }
}
