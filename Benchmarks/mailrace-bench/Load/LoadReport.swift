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
    /// The numbers of those that failed with it unknown whether the server took them.
    var ambiguous = NumberSet()
    var failures = FailureTally()
    /// From the beginning of the connection to the reply to QUIT.
    var sessionTimes = Histogram()
    /// From MAIL to the reply to the end of the message.
    var messageTimes = Histogram()

    var sessionsFailed: Int { sessionsBegun - sessionsDone }
    var isClean: Bool { sessionsFailed == 0 && messagesFailed == 0 }

    mutating func merge(_ other: LoadReport) {
        sessionsBegun += other.sessionsBegun
        sessionsDone += other.sessionsDone
        messagesAccepted += other.messagesAccepted
        bytesAccepted += other.bytesAccepted
        messagesFailed += other.messagesFailed
        _ = accepted.formUnion(other.accepted)
        _ = ambiguous.formUnion(other.ambiguous)
        failures.merge(other.failures)
        sessionTimes.merge(other.sessionTimes)
        messageTimes.merge(other.messageTimes)
    }
}
