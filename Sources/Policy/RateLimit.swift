public import Ring
public import Wire

/// How often an address may come, and how often it may begin a message: a check at connect and MAIL.
///
/// What is counted is common to all shards: they share one `RateLimitTable`. IPv4 counts by address, IPv6 by /64.
public final class RateLimit: Check {
    public let name: String
    public let stages: Stages
    private let ring: Ring
    private let values: RateLimitTable.Values
    private let table: RateLimitTable

    public init(_ name: String, _ values: RateLimitTable.Values, _ table: RateLimitTable, on ring: Ring) {
        self.name = name
        self.ring = ring
        self.values = values
        self.table = table
        var stages = Stages()
        if values.connectionsMax > 0 { stages.insert(.connect) }
        if values.messagesMax > 0 { stages.insert(.mail) }
        self.stages = stages
    }

    public func check(_ stage: Stage, _ facts: SessionFacts) async -> Verdict {
        let key = AddressKey(facts.client)
        guard !facts.client.isUnix, !values.exempt.contains(where: { $0.contains(facts.client.octets) }) else {
            return .accept
        }
        switch stage {
        case .connect:
            return table.connections.count(key, values.connectionsMax, values.period, ring.now)
                ? .accept : .refuse(.tooOften)
        case .mail:
            return table.messages.count(key, values.messagesMax, values.period, ring.now)
                ? .accept : .refuse(.tooManyMessages)
        default: return .accept
        }
    }
}

/// What a rate limit has counted, in the whole process.
public final class RateLimitTable: Sendable {
    /// How much is allowed.
    public struct Values: Sendable, Equatable {
        /// Connections in `period`; 0: no limit.
        public var connectionsMax = 0
        /// MAIL commands in `period`; 0: no limit.
        public var messagesMax = 0
        /// From the first that is counted on.
        public var period = Duration.seconds(60)
        /// Addresses that are not counted.
        public var exempt: [IPNetwork] = []

        public init() {}
    }

    let connections = AddressTable()
    let messages = AddressTable()

    public init() {}
}

extension LocalReply {
    /// To MAIL: the address has begun as many messages as it may for now.
    static let tooManyMessages = LocalReply(
        code: 450, status: EnhancedStatus(4, 7, 1)!, text: "Too many messages from your address, slow down")!
}
