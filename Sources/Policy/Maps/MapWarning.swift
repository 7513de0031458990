import Ring
import Telemetry

/// What is wrong with a map, told once a minute at most: every recipient can bring it about.
struct MapWarning {
    private let map: String
    private var untold = 0
    private var nextAt = Instant(nanoseconds: 0)

    private static let pause = Duration.seconds(60)

    init(_ map: String) {
        self.map = map
    }

    /// - Parameter reason: safe to log.
    mutating func note(_ message: String, _ reason: @autoclosure () -> String, to log: Log, at now: Instant) {
        untold += 1
        guard now >= nextAt else { return }
        log.warning(message, ["map": map, "reason": reason(), "times": "\(untold)"])
        untold = 0
        nextAt = now + Self.pause
    }
}
