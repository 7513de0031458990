/// What a load run has done, and how long it took.
struct LoadReport: Sendable {
    /// Sessions begun, and those that went through to the end.
    var sessionsBegun = 0
    var sessionsDone = 0
    /// Messages answered with 250, and the bytes of their bodies.
    var messagesAccepted = 0
    var bytesAccepted = 0
    /// Messages that the sessions begun should have brought, and did not.
    var messagesFailed = 0
    /// The numbers of the messages accepted.
    var accepted = NumberSet()
    var failures: [SessionFailure.Kind: Int] = [:]
    /// The first failure of each kind.
    var examples: [SessionFailure.Kind: String] = [:]
    /// From the beginning of the connection to the reply to QUIT.
    var sessionTimes = Histogram()
    /// From MAIL to the reply to the end of the message.
    var messageTimes = Histogram()

    mutating func note(_ failure: SessionFailure) {
        failures[failure.kind, default: 0] += 1
        if examples[failure.kind] == nil { examples[failure.kind] = failure.detail }
    }

    mutating func merge(_ other: LoadReport) {
        sessionsBegun += other.sessionsBegun
        sessionsDone += other.sessionsDone
        messagesAccepted += other.messagesAccepted
        bytesAccepted += other.bytesAccepted
        messagesFailed += other.messagesFailed
        _ = accepted.formUnion(other.accepted)
        failures.merge(other.failures, uniquingKeysWith: +)
        examples.merge(other.examples) { mine, _ in mine }
        sessionTimes.merge(other.sessionTimes)
        messageTimes.merge(other.messageTimes)
    }

    var isClean: Bool { sessionsDone == sessionsBegun && messagesFailed == 0 }
}
