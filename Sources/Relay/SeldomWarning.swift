import Ring
import Telemetry

/// A warning about what clients can bring about as often as they like: the first is written at once, and what follows
/// is counted and told once a minute at most.
struct SeldomWarning {
    private let message: String
    private var untold = 0
    private var nextAt = Instant(nanoseconds: 0)

    private static let pause = Duration.seconds(60)

    init(_ message: String) {
        self.message = message
    }

    /// - Parameter client: whom it is about this time.
    mutating func note(_ client: @autoclosure () -> String, listener: String, to log: Log, at now: Instant) {
        untold += 1
        guard now >= nextAt else { return }
        log.warning(
            message, ["listener": listener, "client": client(), "times": "\(untold)"], event: .clientRefused)
        untold = 0
        nextAt = now + Self.pause
    }
}
