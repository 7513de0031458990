import Ring

/// What a load run's sessions did.
struct LoadReport: Sendable {
    /// When the run began, and when the warm-up was over.
    var begin: Instant
    var measured: Instant
    /// Sessions begun, and those that went through to the end.
    var sessionsBegun = 0
    var sessionsDone = 0
    /// Messages answered with 250, and the bytes of their bodies.
    var messagesAccepted = 0
    var bytesAccepted = 0
    /// Messages that the sessions begun should have brought, and did not.
    var messagesFailed = 0
    /// Sessions and messages of the warm-up, which are in none of the figures, but among the numbers and the failures.
    var warmUp = WarmUp()
    /// The numbers of the messages accepted.
    var accepted = NumberSet()
    /// The numbers of those that failed with it unknown whether the server took them.
    var ambiguous = NumberSet()
    var failures = FailureTally()
    /// Sessions secured, by version (`TLSv1.3`).
    var tlsVersions: [String: Int] = [:]
    /// Those of them that took up an earlier session.
    var tlsResumed = 0
    /// From the beginning of the connection to the reply to QUIT, and from the moment when that was to begin: a target
    /// that stalls delays the sessions behind, too, and only the latter shows it.
    var sessionTimes = Histogram()
    var sessionDueTimes = Histogram()
    /// From MAIL to the reply to the end of the message, and from the moment when that was to begin.
    var messageTimes = Histogram()
    var messageDueTimes = Histogram()
    var steps = StepTimes()
    var series: TimeSeries

    struct WarmUp: Equatable, Sendable {
        var sessions = 0
        var sessionsFailed = 0
        var messages = 0
        var messagesFailed = 0
        /// Bytes of the messages' bodies.
        var bytes = 0
    }

    init(begin: Instant, measured: Instant) {
        self.begin = begin
        self.measured = measured
        series = TimeSeries(begin: begin)
    }

    var tlsSessions: Int { tlsVersions.values.reduce(0, +) }
    var tlsText: String? { Self.tlsText(tlsVersions, resumed: tlsResumed) }
    /// `1200 TLSv1.3, 1190 resumed (99.2 %)`; nil where nothing was secured.
    static func tlsText(_ versions: [String: Int], resumed: Int) -> String? {
        let sessions = versions.values.reduce(0, +)
        guard sessions > 0 else { return nil }
        let share = (100 * Double(resumed) / Double(sessions)).rounded(toDigits: 1)
        let counts = versions.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        return (counts + ["\(resumed) resumed (\(share) %)"]).joined(separator: ", ")
    }
    var tlsVersionsJSON: JSON { .object(tlsVersions.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) }) }

    var sessionsFailed: Int { sessionsBegun - sessionsDone }
    var isClean: Bool {
        sessionsFailed == 0 && messagesFailed == 0 && warmUp.sessionsFailed == 0 && warmUp.messagesFailed == 0
    }

    mutating func merge(_ other: LoadReport) {
        begin = min(begin, other.begin)
        measured = min(measured, other.measured)
        sessionsBegun += other.sessionsBegun
        sessionsDone += other.sessionsDone
        messagesAccepted += other.messagesAccepted
        bytesAccepted += other.bytesAccepted
        messagesFailed += other.messagesFailed
        warmUp.sessions += other.warmUp.sessions
        warmUp.sessionsFailed += other.warmUp.sessionsFailed
        warmUp.messages += other.warmUp.messages
        warmUp.messagesFailed += other.warmUp.messagesFailed
        warmUp.bytes += other.warmUp.bytes
        _ = accepted.formUnion(other.accepted)
        _ = ambiguous.formUnion(other.ambiguous)
        failures.merge(other.failures)
        tlsVersions.merge(other.tlsVersions, uniquingKeysWith: +)
        tlsResumed += other.tlsResumed
        sessionTimes.merge(other.sessionTimes)
        sessionDueTimes.merge(other.sessionDueTimes)
        messageTimes.merge(other.messageTimes)
        messageDueTimes.merge(other.messageDueTimes)
        steps.merge(other.steps)
        series.merge(other.series)
    }
}
