import Ring

/// One shard's part of a load run: its share of the sessions, a number of them at once.
final class LoadShard {
    let client: ClientShard
    let settings: LoadSettings
    var report: LoadReport

    private let number: Int
    private let begin: Instant
    private let measured: Instant
    private let end: Instant
    private let progress: Progress?
    private let interruption: Interruption?
    private let sessionPace: Pace?
    private let messagePace: Pace?
    /// Made where somebody has to wait.
    private var clock: FineClock?
    private let workerCount: Int
    private var workersBegun = 0
    private var sessionsTaken = 0
    private var messagesTaken = 0
    /// Sessions of the share that are not begun yet; the warm-up's are none of them.
    private var sessionsLeft: Int

    /// A session or a message, once it may begin.
    struct Turn {
        /// Within the run.
        let number: Int
        /// When it was to begin: now, unless there is a rate.
        let due: Instant
        /// Whether it counts in the figures.
        let isCounted: Bool
    }

    /// - Parameter number: of the shard; it takes every session and message whose number leaves this remainder.
    init(
        _ number: Int, _ client: ClientShard, _ settings: LoadSettings, _ progress: Progress?,
        _ interruption: Interruption?
    ) {
        self.number = number
        self.client = client
        self.settings = settings
        self.progress = progress
        self.interruption = interruption
        begin = Instant.current()
        measured = begin + settings.warmUp
        end = settings.duration.map { [measured] in measured + $0 } ?? .never
        sessionsLeft =
            settings.duration == nil ? Workers.share(settings.sessions, of: number, settings.client.shards) : .max
        sessionPace = settings.sessionPace
        messagePace = settings.messagePace
        workerCount = Workers.share(settings.concurrency, of: number, settings.client.shards)
        report = LoadReport(begin: begin, measured: measured)
    }

    /// Runs all sessions and says how they went.
    func run(on shard: isolated Shard) async -> LoadReport {
        await Workers(workerCount).run(on: shard) {
            await self.waitForWorkersTurn()
            while let turn = await self.nextSession() {
                var session = LoadSession(self, turn)
                await session.run()
            }
        }
        clock?.close()
        report.steps = client.recorder.times
        report.tlsVersions = client.tlsVersions
        report.tlsResumed = client.tlsResumed
        return report
    }

    /// Spreads the first sessions over the ramp, where there is no rate that does.
    private func waitForWorkersTurn() async {
        guard sessionPace == nil, settings.ramp > .zero else { return }
        let worker = workersBegun
        workersBegun += 1
        await wait(until: begin + settings.ramp * worker / workerCount)
    }

    /// Waits for the next session's turn; nil where there is none.
    private func nextSession() async -> Turn? {
        guard sessionsLeft > 0, !isInterrupted else { return nil }
        let next = number + sessionsTaken * settings.client.shards
        let due = sessionPace.map { begin + $0.due(next) } ?? Instant.current()
        guard due < end else { return nil }
        sessionsTaken += 1
        let isCounted = due >= measured
        if isCounted, settings.duration == nil { sessionsLeft -= 1 }
        await wait(until: due)
        guard Instant.current() < end, !isInterrupted else { return nil }
        if isCounted { report.sessionsBegun += 1 } else { report.warmUp.sessions += 1 }
        return Turn(number: next, due: due, isCounted: isCounted)
    }

    /// Waits for the turn of the next message, of a session; nil where the time is over for
    /// those that last, or the run is interrupted: either ends the session.
    func nextMessage(of session: Turn) async -> Turn? {
        let next = number + messagesTaken * settings.client.shards
        let due = messagePace.map { begin + $0.due(next) } ?? Instant.current()
        guard due < end || messagePace == nil && !settings.lasts else {
            sessionsLeft = 0
            return nil
        }
        messagesTaken += 1
        await wait(until: due)
        guard !isInterrupted else { return nil }
        return Turn(number: next, due: due, isCounted: session.isCounted || settings.lasts && due >= measured)
    }

    /// Keeps the rate. What is late begins at once, so that the mean is kept where the target can keep up.
    private func wait(until due: Instant) async {
        while !isInterrupted {
            let now = Instant.current()
            guard now < due else { return }
            if due > now + Self.fineWait {
                await client.ring.sleep(until: now + Self.interruptionPause)
            } else {
                let clock = clock ?? FineClock(client.ring)
                self.clock = clock
                await clock.sleep(until: due)
            }
        }
    }

    /// How long one waits by the clock, which has few to wake so. Longer than the pause by more than the ring is late.
    private static let fineWait = Duration.milliseconds(250)
    /// How long it may take until an interruption is seen, or so.
    private static let interruptionPause = Duration.milliseconds(200)

    private var isInterrupted: Bool { interruption?.isOver ?? false }

    // MARK: Notes

    func noteAccepted(_ message: Turn, _ begin: Instant) {
        let number = UInt64(message.number)
        let bytes = client.bodyBytes(number)
        let now = Instant.current()
        _ = report.accepted.insert(number)
        report.series.noteMessage(bytes, nanoseconds: now.nanoseconds(since: message.due), at: now)
        progress?.noteMessage(bytes)
        guard message.isCounted else {
            report.warmUp.messages += 1
            report.warmUp.bytes += bytes
            return
        }
        report.messagesAccepted += 1
        report.bytesAccepted += bytes
        report.messageTimes.record(nanoseconds: now.nanoseconds(since: begin))
        report.messageDueTimes.record(nanoseconds: now.nanoseconds(since: message.due))
    }

    func noteDone(_ session: Turn, _ begin: Instant) {
        let now = Instant.current()
        report.series.noteSession(nanoseconds: now.nanoseconds(since: session.due), at: now)
        progress?.noteSession()
        guard session.isCounted else { return }
        report.sessionsDone += 1
        report.sessionTimes.record(nanoseconds: now.nanoseconds(since: begin))
        report.sessionDueTimes.record(nanoseconds: now.nanoseconds(since: session.due))
    }

    /// - Parameter messages: how many of the session's were not accepted.
    func noteFailed(_ session: Turn, _ failure: SessionFailure, messages: Int) {
        report.failures.note(failure)
        report.series.noteFailure(at: Instant.current())
        progress?.noteFailure()
        if session.isCounted {
            report.messagesFailed += messages
        } else {
            report.warmUp.sessionsFailed += 1
            report.warmUp.messagesFailed += messages
        }
    }
}
