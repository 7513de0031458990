import Ring
import Testing

/// Runs `body` with little time; again with more of it where the machine is so busy that the time is over before what
/// is to be seen has begun, of which `body` says so by false.
func inLittleTime(_ body: (Duration) throws -> Bool) throws {
    let hasBegun = try [250, 1_000, 5_000].contains { try body(.milliseconds($0)) }
    #expect(hasBegun, "the time is over before, each time")
}

/// Brings a session of little time as far as `point`, and runs `body` then.
///
/// - Parameter setup: of a session that may take so long for something on the way.
func hurrying(
    upTo point: Point, _ security: Security = .plaintext, with setup: (Duration) -> Setup,
    _ body: (TestRelay, Dialogue, Duration) throws -> Void
) throws {
    try inLittleTime { short in
        var isThere = false
        try withRelay(setup(short)) { relay in
            guard let dialogue = try? Dialogue(relay, upTo: point, security) else { return }
            isThere = true
            try body(relay, dialogue, short)
        }
        return isThere
    }
}
