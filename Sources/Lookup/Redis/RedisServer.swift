public import Wire

/// Where a server of Redis is, and what it is told first.
public struct RedisServer: Sendable {
    public var address: ServerAddress
    /// Nil for the user whom the password alone stands for.
    public var user: String?
    public var password: Secret?
    /// By its number.
    public var database: Int

    public init(at address: ServerAddress, user: String? = nil, password: Secret? = nil, database: Int = 0) {
        self.address = address
        self.user = user
        self.password = password
        self.database = database
    }
}

extension RedisServer: Hashable {
    public static func == (left: RedisServer, right: RedisServer) -> Bool {
        left.address == right.address && left.user == right.user && left.database == right.database
            && left.password.isSame(as: right.password)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(address)
        hasher.combine(user)
        hasher.combine(database)
    }
}
