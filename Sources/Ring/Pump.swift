/// Copies bytes both ways between two streams until both directions have ended, adding and dropping none.
///
/// A machine on the ring and not a pair of tasks, because a task costs 3 KB and most sessions spend most of their life
/// in here. While it runs no task needs to wait for it: `start` calls back at the end.
///
/// The end of one direction is passed on (the record layer's notice and FIN) while the other goes on.
public final class Pump {
    public enum Side: Sendable { case downstream, upstream }

    /// How the copying ended.
    public enum Outcome: Equatable, Sendable {
        /// Both directions ended in order; the side named ended its own first.
        case finished(first: Side)
        /// The side's connection broke.
        case broken(Side, StreamError)
        /// No byte in either direction for as long as the limits allow.
        case idle
        /// It has lived for as long as the limits allow.
        case expired
        /// It moved fewer bytes than the limits ask for.
        case tooSlow
        /// `abort` was called.
        case aborted
        /// The shard holds more bytes for slow readers than it may.
        case overloaded
    }

    /// How long it may take.
    public struct Limits: Sendable {
        let idleNanoseconds: UInt64
        let halfClosedIdleNanoseconds: UInt64
        /// The longest there is: for ever.
        let lifeNanoseconds: UInt64
        let rate: Rate?

        /// The least that must move, both directions together, in each `period`.
        public struct Rate: Sendable {
            let bytes: UInt64
            let periodNanoseconds: UInt64

            public init(bytes: UInt64, period: Duration) {
                self.bytes = bytes
                periodNanoseconds = period.wholeNanoseconds
            }
        }

        /// - Parameters:
        ///   - idle: without a byte, while both directions are open.
        ///   - halfClosedIdle: without a byte, once one of them has ended.
        ///   - life: in all; nil: for ever.
        ///   - rate: nil: none.
        public init(idle: Duration, halfClosedIdle: Duration, life: Duration? = nil, rate: Rate? = nil) {
            idleNanoseconds = idle.wholeNanoseconds
            halfClosedIdleNanoseconds = halfClosedIdle.wholeNanoseconds
            lifeNanoseconds = life?.wholeNanoseconds ?? .max
            self.rate = rate
        }
    }

    let ring: Ring
    private let limits: Limits
    private let toUpstream: PumpDirection
    private let toDownstream: PumpDirection
    private var timer: SlotID?
    private var idleEnd = Instant.never
    private var lifeEnd = Instant.never
    private var rated: RatedPeriod?
    private var firstEnd: Side?
    private var isFlushing = false
    let observer: (any PumpObserver)?
    private(set) var outcome: Outcome?
    private var ended: ((Outcome) -> Void)?
    /// Holds the pump from its start to its end: its directions and its timer do not.
    private var itself: Pump?

    /// - Parameters: two open streams that no task uses; what they hold unread is copied first.
    public init(
        downstream: Stream, upstream: Stream, limits: Limits, observer: (any PumpObserver)? = nil
    ) {
        ring = downstream.ring
        self.observer = observer
        self.limits = limits
        toUpstream = PumpDirection(from: downstream, .downstream, to: upstream, .upstream)
        toDownstream = PumpDirection(from: upstream, .upstream, to: downstream, .downstream)
    }

    /// Begins to copy. Once. `ended` is called when all is over; both streams are still to be closed then. Nobody
    /// needs to hold the pump meanwhile.
    public func start(_ ended: @escaping (Outcome) -> Void) {
        self.ended = ended
        itself = self
        timer = ring.timers.add(self)
        lifeEnd = ring.now.adding(nanoseconds: limits.lifeNanoseconds)
        if let rate = limits.rate { rated = ratedPeriod(of: rate) }
        toUpstream.attach(to: self, opposite: toDownstream)
        toDownstream.attach(to: self, opposite: toUpstream)
        noteActivity()
        toUpstream.begin()
        toDownstream.begin()
    }

    /// Copies until the end. Once.
    public func run() async -> Outcome {
        await withUnsafeContinuation { continuation in
            start { continuation.resume(returning: $0) }
        }
    }

    /// Ends the copying without a word to either side. From the shard's thread.
    public func abort() {
        end(.aborted)
    }

    private var isSettled: Bool {
        if outcome != nil { return toUpstream.isQuiet && toDownstream.isQuiet }
        return toUpstream.isDone && toDownstream.isDone
    }

    // MARK: What the directions report

    func noteActivity() {
        var idle = limits.idleNanoseconds
        if firstEnd != nil { idle = min(idle, limits.halfClosedIdleNanoseconds) }
        idleEnd = ring.now.adding(nanoseconds: idle)
        setTimer()
    }

    private func setTimer() {
        guard let timer else { return }
        ring.timers.setDeadline(min(idleEnd, lifeEnd, rated?.end ?? .never), of: timer)
    }

    /// The side has said that it sends no more.
    func noteEnd(of side: Side) {
        if firstEnd == nil { firstEnd = side }
        noteActivity()
        guard side == .downstream, !toUpstream.hasSentAll else { return }
        isFlushing = true
        observer?.flushBegan()
    }

    /// The other side has all that the side has sent.
    func noteAllSent(from side: Side) {
        guard side == .downstream, isFlushing else { return }
        isFlushing = false
        observer?.flushEnded()
    }

    func end(_ outcome: Outcome) {
        guard self.outcome == nil else { return }
        self.outcome = outcome
        toUpstream.cancel()
        toDownstream.cancel()
        settle()
    }

    /// Looks whether all is over, and says so once.
    func settle() {
        guard isSettled, let ended = ended.take() else { return }
        if let timer = timer.take() { ring.timers.remove(timer) }
        noteAllSent(from: .downstream)
        toUpstream.abandon()
        toDownstream.abandon()
        let outcome = outcome ?? .finished(first: firstEnd ?? .downstream)
        let kept = itself.take()
        ring.later { withExtendedLifetime(kept) { ended(outcome) } }
    }
}

extension Pump: DeadlineTarget {
    func deadlinePassed() {
        let now = ring.now
        if lifeEnd <= now { return end(.expired) }
        if idleEnd <= now { return end(.idle) }
        if let rate = limits.rate, let rated, rated.end <= now {
            let inPeriod = bytesMoved - rated.bytesBefore
            // Silence is a matter of `idle`: whoever is to speak next may be thinking.
            guard inPeriod == 0 || inPeriod >= rate.bytes else { return end(.tooSlow) }
            self.rated = ratedPeriod(of: rate)
        }
        setTimer()
    }

    /// A period in which the rate is looked at.
    private struct RatedPeriod {
        let end: Instant
        let bytesBefore: UInt64
    }

    private func ratedPeriod(of rate: Limits.Rate) -> RatedPeriod {
        RatedPeriod(end: ring.now.adding(nanoseconds: rate.periodNanoseconds), bytesBefore: bytesMoved)
    }

    private var bytesMoved: UInt64 { toUpstream.bytesMoved + toDownstream.bytesMoved }
}
