import Glibc
import Ring
import Testing

@testable import Service

@Suite struct ServerEventsTests {
    private let events = ServerEvents()

    @Test func whatMeansTheSameIsKeptOnce() {
        for _ in 0..<5000 {
            events.signal(SIGUSR1)
            events.signal(SIGHUP)
            events.noteFilesChanged()
            events.noteSessionsEmptied()
        }
        #expect(events.next() == .reopenLog)
        #expect(events.next() == .filesChanged)
        #expect(events.next() == .reload(answers: []))
        #expect(events.next() == .sessionsEmptied)
        events.noteShardDrained()
        #expect(events.next() == .shardDrained)
    }

    @Test func everyShardCounts() {
        for _ in 0..<3000 { events.noteShardDrained() }
        for _ in 0..<3000 { #expect(events.next() == .shardDrained) }
    }

    @Test func theEndGoesBeforeAllElseAndKeepsItsOrder() {
        events.signal(SIGHUP)
        events.noteSessionsEmptied()
        events.signal(SIGTERM)
        events.signal(SIGINT)
        events.signal(SIGTERM)
        #expect(events.next() == .termination(SIGTERM))
        #expect(events.next() == .termination(SIGINT))
        #expect(events.next() == .reload(answers: []))
        #expect(events.next() == .sessionsEmptied)
    }

    @Test func aReloadThatComesDuringOneIsOneMore() {
        events.signal(SIGHUP)
        #expect(events.next() == .reload(answers: []))
        events.signal(SIGHUP)
        events.signal(SIGHUP)
        #expect(events.next() == .reload(answers: []))
        events.signal(SIGUSR1)
        #expect(events.next() == .reopenLog)
    }

    @Test func whoAsksForAReloadGetsItsReport() {
        let report = RequestReport.done(warnings: ["doubtful"])
        let asked = BlockingQueue<RequestReport>(limit: 1)
        let thread = Thread.start(name: "asking") { [events] in _ = asked.push(events.reload()) }
        guard case .reload(let answers) = events.next() else {
            Issue.record("no reload")
            return
        }
        for answer in answers { answer.give(report) }
        thread.join()
        #expect(asked.pop() == report)
    }

    @Test func nobodyWaitsForAReloadThatWillNotCome() {
        let threads = (0..<16).map { number in
            Thread.start(name: "asking \(number)") { [events] in
                #expect(events.reload() == .ending)
            }
        }
        // One of them at least waits by now; the others may come too late.
        var taken: [RequestAnswer] = []
        while taken.isEmpty, case .reload(let answers) = events.next() { taken = answers }
        events.endRequests(with: .ending)
        #expect(events.reload() == .ending)
        for answer in taken { answer.give(.ending) }
        for thread in threads { thread.join() }
    }

    @Test func aStormOfThoseWhoAskHasALimit() {
        let reports = BlockingQueue<RequestReport>(limit: 17)
        let threads = (0..<17).map { number in
            Thread.start(name: "asking \(number)") { [events] in _ = reports.push(events.reload()) }
        }
        // The one who is too many is told so at once; the others wait for one and the same reload.
        #expect(reports.pop() == .unavailable(["too many wait for an answer"]))
        guard case .reload(let answers) = events.next() else {
            Issue.record("no reload")
            return
        }
        #expect(answers.count == 16)
        for answer in answers { answer.give(.done(warnings: [])) }
        for thread in threads { thread.join() }
        for _ in 0..<16 { #expect(reports.pop() == .done(warnings: [])) }
    }
}
