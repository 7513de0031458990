import Ring

/// Something that happens many times a second while it happens, and is told of once a minute.
struct Recurrence {
    private var count = 0
    private var quietUntil: Instant?

    static let interval = Duration.seconds(60)

    /// Counts it.
    ///
    /// - Returns: how often it has happened since it was told of, where it is to be told of now.
    mutating func told(at now: Instant) -> Int? {
        count += 1
        if let quietUntil, now < quietUntil { return nil }
        quietUntil = now + Self.interval
        defer { count = 0 }
        return count
    }
}
