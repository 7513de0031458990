/// What an idle run's sessions did.
struct IdleReport: Sendable {
    var opened = 0
    /// Sessions whose message was accepted.
    var delivered = 0
    /// Sessions that went on, after the hold, up to the reply to QUIT.
    var ended = 0
    var failures = FailureTally()

    /// Sessions that were open and did not go on.
    var lost: Int { opened - ended }

    mutating func merge(_ other: IdleReport) {
        opened += other.opened
        delivered += other.delivered
        ended += other.ended
        failures.merge(other.failures)
    }
}
