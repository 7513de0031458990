import Testing

@testable import Service

@Suite struct SessionCapacityTests {
    @Test func enoughDescriptorsCarryWhatIsConfigured() {
        let capacity = SessionCapacity(configured: 1000, shards: 2, listeningSockets: 2, descriptorLimit: 20_000)
        #expect(capacity.sessionsMax == 1000)
        #expect(capacity.warning == nil)
    }

    @Test func tooFewDescriptorsCapTheSessionsAndNameTheLimit() {
        let capacity = SessionCapacity(configured: 10_000, shards: 2, listeningSockets: 2, descriptorLimit: 1024)
        #expect(capacity.sessionsMax < 512)
        #expect(capacity.warning?.contains("LimitNOFILE") == true)
    }
}
