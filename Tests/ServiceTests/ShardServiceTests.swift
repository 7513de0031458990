import Relay
import Ring
import Settings
import Telemetry
import TestSupport
import Testing

@testable import Service

@Suite struct ShardServiceTests {
    /// One at most is left from before, with the pools that the last change has replaced.
    @Test func resolversGoWithTheirPools() throws {
        let folder = try TemporaryFolder()
        let log = try LogPipe()
        let shard = try Shard(allowing: .kernel61)
        let thread = shard.start()
        let fleet = ShardFleet(
            [shard],
            ShardService.Shared(
                limits: SessionLimits(.init(sessionsMax: 10)), counters: CounterTable(shardCount: 1), log: log.log
            ) {})
        for timeout in 1...5 {
            try ServerSetup { $0.dns = "timeout = \"\(timeout)s\"" }.write(to: folder, upstream: .loopback(port: 25))
            let plan = try Settings.load(SettingsSources(file: folder.path + "/mailrace.toml")).planned(after: nil)
            let service = ServicePlan(listeners: [], upstreams: plan.upstreams, resolver: plan.resolver)
            #expect(fleet.prepare(service).isEmpty)
            fleet.onEach { local, shard in await local.adopt(service, on: shard) }
            fleet.onEach { local, shard in await local.retire(except: service, on: shard) }
            #expect(fleet.onEach { local, _ in local.formerResolvers.count } == [min(timeout - 1, 1)])
        }
        fleet.onEach { local, shard in await local.drain(until: .current(), gently: false, on: shard) }
        shard.post { $0.stop() }
        thread.join()
        log.log.close()
    }
}
