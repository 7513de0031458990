extension Settings {
    /// How many of something in a span of time.
    public struct Rate: Sendable, Hashable {
        /// 0 is no limit.
        public let count: Int
        public let per: Duration
    }
}

extension Settings.Rate: CustomStringConvertible {
    private static let countMax = 1_000_000
    private static let spans: ClosedRange<Duration> = .seconds(1) ... .seconds(86_400)

    /// As it is written in the configuration: `20/1m`.
    public var description: String { "\(count)/\(DurationText.format(per))" }

    static func parse(_ text: String) -> Parsed<Settings.Rate> {
        let shown = Quoting.shown(text)
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Ascii.number(parts[0], digitsMax: 9),
            let per = DurationText.parse(String(parts[1]))
        else {
            return .refused("\(shown) is not a rate; expected a number and a span of time, as in \"20/1m\"")
        }
        guard count <= countMax, spans.contains(per) else {
            return .refused("\(shown) is out of range; expected 0 to \(countMax) in a span of 1s to 1d")
        }
        return .value(Settings.Rate(count: count, per: per))
    }
}
