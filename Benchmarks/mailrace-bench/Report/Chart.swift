/// A picture of a run over its time, as SVG 1.1 that needs nothing else: latency above, throughput below.
struct Chart {
    /// A line within a panel; where there is no value, it is broken.
    struct Line {
        let name: String
        let color: String
        let values: [Double?]
    }

    /// Lines over one scale.
    struct Panel {
        let title: String
        let lines: [Line]
    }

    let title: String
    let panels: [Panel]
    /// Between a value and the next.
    let intervalSeconds: Double
    /// How long the run was not counted at its beginning.
    let warmUpSeconds: Double

    private static let width = 960.0
    private static let panelHeight = 240.0
    private static let margin = (left: 72.0, right: 24.0, top: 72.0, gap: 64.0, bottom: 48.0)
    private static let gridLines = 4
    /// Longer runs are drawn with several values for each column; the highest is shown.
    private static let columnsLimit = 800

    var svg: String {
        let height = Self.margin.top + Double(panels.count) * (Self.panelHeight + Self.margin.gap) + Self.margin.bottom
        let drawn = panels.enumerated().map { index, panel in
            draw(panel, top: Self.margin.top + Double(index) * (Self.panelHeight + Self.margin.gap))
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.width) \(height)" role="img" \
            font-family="sans-serif" font-size="13">
            <title>\(Self.escaped(title))</title>
            <rect width="100%" height="100%" fill="#ffffff"/>
            <text x="\(Self.margin.left)" y="28" font-size="17" fill="#1f2933">\(Self.escaped(title))</text>
            \(drawn.joined())</svg>

            """
    }

    private var plotWidth: Double { Self.width - Self.margin.left - Self.margin.right }

    private func draw(_ panel: Panel, top: Double) -> String {
        let highest = panel.lines.flatMap { $0.values.compactMap(\.self) }.max() ?? 0
        let scale = Self.roundScale(atLeast: highest)
        var text =
            "<text x=\"\(Self.margin.left)\" y=\"\(top - 12)\" fill=\"#1f2933\">\(Self.escaped(panel.title))</text>\n"
        for line in 0...Self.gridLines {
            let part = Double(line) / Double(Self.gridLines)
            let y = top + Self.panelHeight * (1 - part)
            text += "<line x1=\"\(Self.margin.left)\" x2=\"\(Self.width - Self.margin.right)\" y1=\"\(y)\" y2=\"\(y)\" "
            text += "stroke=\"#d9e2ec\"/>\n<text x=\"\(Self.margin.left - 8)\" y=\"\(y + 4)\" text-anchor=\"end\" "
            text += "fill=\"#52606d\">\(Self.short(scale * part))</text>\n"
        }
        text += timeAxis(below: top + Self.panelHeight) + warmUpMark(top: top)
        var legend = Self.width - Self.margin.right
        for line in panel.lines.reversed() {
            text += "<text x=\"\(legend)\" y=\"\(top - 12)\" text-anchor=\"end\" fill=\"\(line.color)\">"
            text += "\(Self.escaped(line.name))</text>\n"
            legend -= Double(line.name.count) * 8 + 20
        }
        for line in panel.lines { text += path(line, top: top, scale: scale) }
        return text
    }

    private func timeAxis(below bottom: Double) -> String {
        let step = Self.roundStep(of: totalSeconds)
        return (0...Int(totalSeconds / step)).map { mark in
            let seconds = Double(mark) * step
            let x = (Self.margin.left + plotWidth * seconds / max(totalSeconds, step)).rounded(toDigits: 1)
            return "<text x=\"\(x)\" y=\"\(bottom + 20)\" text-anchor=\"middle\" fill=\"#52606d\">"
                + "\(Self.short(seconds)) s</text>\n"
        }.joined()
    }

    private func warmUpMark(top: Double) -> String {
        guard warmUpSeconds > 0, warmUpSeconds < totalSeconds else { return "" }
        let x = (Self.margin.left + plotWidth * warmUpSeconds / totalSeconds).rounded(toDigits: 1)
        return "<line x1=\"\(x)\" x2=\"\(x)\" y1=\"\(top)\" y2=\"\(top + Self.panelHeight)\" stroke=\"#9fb3c8\" "
            + "stroke-dasharray=\"4 4\"/>\n<text x=\"\(x - 6)\" y=\"\(top + 14)\" text-anchor=\"end\" "
            + "fill=\"#52606d\">warm-up</text>\n"
    }

    private var totalSeconds: Double { Double(valueCount) * intervalSeconds }

    private var valueCount: Int { panels.flatMap(\.lines).map(\.values.count).max() ?? 0 }

    private func path(_ line: Line, top: Double, scale: Double) -> String {
        let perColumn = max(1, (line.values.count + Self.columnsLimit - 1) / Self.columnsLimit)
        var commands = ""
        var isBroken = true
        for start in stride(from: 0, to: line.values.count, by: perColumn) {
            let column = line.values[start..<min(start + perColumn, line.values.count)]
            guard let value = column.compactMap(\.self).max() else {
                isBroken = true
                continue
            }
            // In the middle of the time that it is about.
            let middle = (Double(start) + Double(column.count) / 2) / Double(max(1, valueCount))
            let x = (Self.margin.left + plotWidth * middle).rounded(toDigits: 1)
            let y = (top + Self.panelHeight * (1 - value / scale)).rounded(toDigits: 1)
            // A line to where it begins draws a dot where nothing follows.
            commands += isBroken ? "M\(x) \(y)L\(x) \(y)" : "L\(x) \(y)"
            isBroken = false
        }
        return "<path d=\"\(commands)\" fill=\"none\" stroke=\"\(line.color)\" stroke-width=\"1.5\" "
            + "stroke-linejoin=\"round\" stroke-linecap=\"round\"/>\n"
    }

    /// The next of 1, 2, 4, 6, 8 times a power of ten, which four grid lines divide well.
    static func roundScale(atLeast value: Double) -> Double {
        guard value.isFinite, value > 0 else { return 1 }
        var power = 1e-6
        while power * 10 <= value { power *= 10 }
        let factor = [1.0, 2, 4, 6, 8, 10].first { $0 * power >= value } ?? 10
        return factor * power
    }

    /// 1, 2 or 5 times a power of ten, of which at most eight lie in so many seconds.
    static func roundStep(of seconds: Double) -> Double {
        guard seconds.isFinite, seconds > 0 else { return 1 }
        var power = 1e-6
        while power * 10 * 8 <= seconds { power *= 10 }
        return ([1.0, 2, 5, 10].first { $0 * power * 8 >= seconds } ?? 10) * power
    }

    /// A number as short as it can be read: 1500, 0.25, 12k.
    static func short(_ value: Double) -> String {
        let (scaled, unit) = value >= 1e6 ? (value / 1e6, "M") : value >= 1e4 ? (value / 1e3, "k") : (value, "")
        let rounded = scaled.rounded(toDigits: scaled < 1 ? 3 : scaled < 10 ? 2 : 1)
        return (rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)") + unit
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            default: escaped.append(character)
            }
        }
    }
}

extension Chart {
    /// The latency and the throughput of a run: of its sessions or, where they have several messages, of these.
    init(_ series: TimeSeries, title: String, warmUp: Duration = .zero) {
        let hasMessages = series.slots.reduce(0) { $0 + $1.messages - $1.sessions } > 0
        let subject = hasMessages ? "messages" : "sessions"
        let times = series.slots.map { hasMessages ? $0.messageTimes : $0.sessionTimes }
        let counts = series.slots.enumerated().map { index, slot -> Double? in
            let covered = series.secondsCovered(ofSlot: index)
            // What little there was of the last one tells no rate.
            guard covered >= series.intervalSeconds / 2 else { return nil }
            return Double(hasMessages ? slot.messages : slot.sessions) / covered
        }
        self.title = title
        intervalSeconds = series.intervalSeconds
        warmUpSeconds = warmUp / .nanoseconds(1) / 1e9
        panels = [
            Panel(
                title: "Latency of \(subject), ms",
                lines: [
                    Line(name: "p50", color: "#2c7be5", values: times.map { $0.milliseconds(0.5) }),
                    Line(name: "p99", color: "#d64545", values: times.map { $0.milliseconds(0.99) }),
                ]),
            Panel(
                title: "\(subject == "messages" ? "Messages" : "Sessions") a second",
                lines: [Line(name: subject, color: "#18794e", values: counts)]),
        ]
    }
}
