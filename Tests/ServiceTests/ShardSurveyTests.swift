import Relay
import Ring
import Telemetry
import TestSupport
import Testing

@testable import Service

/// Shards that serve nobody.
final class IdleFleet {
    let fleet: ShardFleet
    let counters: CounterTable
    let limits = SessionLimits(.init(sessionsMax: 10))
    let log: LogPipe
    private let threads: [Thread]

    init(shards count: Int) throws {
        log = try LogPipe()
        let shards = try (0..<count).map { try Shard(number: $0, allowing: .kernel61) }
        threads = shards.map { $0.start() }
        counters = CounterTable(shardCount: count)
        fleet = ShardFleet(shards, ShardService.Shared(limits: limits, counters: counters, log: log.log) {})
    }

    func end() {
        for shard in fleet.shards { shard.post { $0.stop() } }
        for thread in threads { thread.join() }
        log.log.close()
    }

    /// Has a shard hang until the queue gets something.
    func hang(_ number: Int) -> BlockingQueue<Void> {
        let release = BlockingQueue<Void>(limit: 1)
        let hanging = BlockingQueue<Void>(limit: 1)
        fleet.shards[number].post { _ in
            _ = hanging.push(())
            _ = release.pop()
        }
        _ = hanging.pop()
        return release
    }

    func pages() -> AdminPages {
        AdminPages(
            board: AdminBoard(), counters: counters, limits: limits, rates: RateHistory(),
            listenerRates: ListenerRates(), log: log.log, transcripts: TranscriptFiles(log.log, format: .json),
            survey: ShardSurvey(fleet), shardCount: fleet.count,
            start: .now(), isUnix: false)
    }
}

@Suite struct ShardSurveyTests {
    @Test func allAnswerInTheirOrder() throws {
        let fleet = try IdleFleet(shards: 3)
        defer { fleet.end() }
        let answers = ShardSurvey(fleet.fleet).ask(within: .seconds(30)) { _, shard in shard.number }
        #expect(answers.values == [0, 1, 2] && answers.silent.isEmpty)
    }

    @Test func aShardThatHangsIsNamedAndHoldsUpNobodyTwice() throws {
        let fleet = try IdleFleet(shards: 2)
        defer { fleet.end() }
        let survey = ShardSurvey(fleet.fleet)
        let release = fleet.hang(1)
        // All of that goes by, and the other one has it to answer.
        let first = survey.ask(within: .seconds(1)) { _, shard in shard.number }
        #expect(first.values == [0] && first.silent == [1])
        // It has its one question: more neither wait nor pile up there.
        for _ in 0..<1_000 {
            let next = survey.ask(within: .seconds(30)) { _, shard in shard.number }
            #expect(next.values == [0] && next.silent == [1])
        }
        _ = release.push(())
        // What it answers now is to a question that nobody waits for any more.
        let deadline = Instant.current() + .seconds(30)
        while !survey.ask(within: .seconds(30), { _, shard in shard.number }).silent.isEmpty {
            try #require(Instant.current() < deadline, "the shard does not answer")
        }
    }

    @Test func pagesTellOfAShardThatHangs() throws {
        let fleet = try IdleFleet(shards: 2)
        defer { fleet.end() }
        let pages = fleet.pages()
        let request = { AdminRequest(path: $0, host: nil, limit: nil) }
        #expect(pages.answer(request("/health")) == AdminReply(body: "ok\n"))
        #expect(pages.answer(request("/sessions")).body.contains(#""complete": true"#))
        let release = fleet.hang(0)
        let sessions = pages.answer(request("/sessions")).body
        #expect(sessions.contains(#""complete": false, "silent_shards": [0]"#))
        #expect(pages.answer(request("/health")).status == 503)
        #expect(pages.answer(request("/health")).body == "shards that do not answer: 0\n")
        #expect(pages.answer(request("/status")).body.contains("Shards that do not answer: 0."))
        #expect(pages.answer(request("/metrics")).status == 200)
        _ = release.push(())
    }

    @Test func pagesFollowTheProcess() throws {
        let fleet = try IdleFleet(shards: 1)
        defer { fleet.end() }
        let pages = fleet.pages()
        let ready = { pages.answer(AdminRequest(path: "/ready", host: "127.0.0.1", limit: nil)) }
        #expect(ready() == AdminReply(status: 503, body: "starting\n"))
        pages.board.noteReady()
        #expect(ready() == AdminReply(body: "ready\n"))
        pages.board.noteDraining()
        #expect(ready() == AdminReply(status: 503, body: "draining\n"))
        #expect(pages.answer(AdminRequest(path: "/status", host: "evil.test", limit: nil)).status == 403)
        #expect(pages.answer(AdminRequest(path: "/nothing", host: nil, limit: nil)).status == 404)
    }
}
