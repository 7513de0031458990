import Glibc

/// When the things of a run are due that are to happen at a rate: evenly, or, at the beginning, ever faster.
struct Pace: Sendable {
    /// A second, once the ramp is over.
    let rate: Int
    /// How long the rate grows, from nothing on.
    let ramp: Duration

    /// From the beginning of the run to the moment when the thing of this number is due.
    func due(_ number: Int) -> Duration {
        let (rate, ramp) = (Double(rate), ramp / .nanoseconds(1) / 1e9)
        // Of as many as half the ramp would bring at the full rate, the root of the number tells.
        let isGrowing = Double(number) < rate * ramp / 2
        let seconds =
            isGrowing
            ? (2 * ramp * Double(number) / rate).squareRoot() : ramp / 2 + Double(number) / rate
        return .nanoseconds(Int64(seconds * 1e9))
    }
}
