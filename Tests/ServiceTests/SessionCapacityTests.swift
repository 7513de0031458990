import Testing

@testable import Service

@Suite struct SessionCapacityTests {
    @Test func enoughDescriptorsCarryWhatIsConfigured() {
        let capacity = SessionCapacity(
            configured: 1000, shards: 2, listeningSockets: 2, pipes: 32, descriptorLimit: 20_000)
        #expect(capacity.sessionsMax == 1000)
        #expect(capacity.warning == nil)
    }

    @Test func tooFewDescriptorsCapTheSessionsAndNameTheLimit() {
        let capacity = SessionCapacity(
            configured: 10_000, shards: 2, listeningSockets: 2, pipes: 32, descriptorLimit: 1024)
        #expect(capacity.sessionsMax < 512)
        #expect(capacity.warning?.contains("LimitNOFILE") == true)
    }

    @Test func manyShardsLeaveDescriptorsForSessions() {
        let capacity = SessionCapacity(
            configured: 10_000, shards: 16, listeningSockets: 2, pipes: 48, descriptorLimit: 1024)
        #expect(capacity.sessionsMax > 100)
    }
}
