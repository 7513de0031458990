import Telemetry

/// A small chart of a rate over the last minutes, as SVG.
struct Chart {
    let title: String
    let points: [RateHistory.Point]
    let span: RateHistory.Span
    /// Writes a rate, given per second.
    let format: (Double) -> String

    private static let width = 300.0
    private static let height = 60.0

    private var seconds: Double { span == .minute ? 60 : 900 }

    /// Markup; the title is not from outside.
    var svg: String {
        let highest = points.map(\.perSecond).max() ?? 0
        let now = points.last?.perSecond ?? 0
        let caption =
            "<figcaption><b>\(title)</b> <span>now \(format(now)), highest \(format(highest))</span></figcaption>"
        let ago = span == .minute ? "1 min ago" : "15 min ago"
        let label = "\(title): now \(format(now)), highest \(format(highest))"
        return """
            <figure>\(caption)<svg viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="\(label)">\
            <line class="axis" x1="0" y1="59.5" x2="300" y2="59.5"/>\(shape(highest))</svg>\
            <div class=x><span>\(ago)</span><span>now</span></div></figure>

            """
    }

    private func shape(_ highest: Double) -> String {
        guard points.count > 1, let first = points.first, let last = points.last else { return "" }
        let line = points.map { "\(x($0)),\(y($0, highest))" }.joined(separator: " ")
        let floor = Self.height
        return "<polygon class=\"area\" points=\"\(x(first)),\(floor) \(line) \(x(last)),\(floor)\"/>"
            + "<polyline class=\"line\" points=\"\(line)\"/>"
    }

    private func x(_ point: RateHistory.Point) -> Double {
        Self.rounded(Self.width * (1 - min(1, max(0, point.secondsAgo / seconds))))
    }

    private func y(_ point: RateHistory.Point, _ highest: Double) -> Double {
        guard highest > 0 else { return Self.height - 1 }
        return Self.rounded(Self.height - 1 - (Self.height - 4) * point.perSecond / highest)
    }

    private static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
