import Relay
import Telemetry

/// The status as one page of HTML: no script, nothing from elsewhere, readable on a phone, light and dark.
///
/// Whatever was named by a peer or by the configuration goes through `HTML.escaped`.
struct StatusPage {
    let report: StatusReport

    var html: String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <meta http-equiv="refresh" content="5">
        <title>\(report.state) - Mailrace</title>
        <style>\(Self.style)</style></head><body>
        \(header)<main>
        \(warnings)\(figures)\(charts)\(listeners)\(upstreams)\(troubles)\(sessions)\(visitors)\(certificates)</main>
        <footer>Mailrace \(Product.version), at \(Figures.moment(report.now)) UTC. \
        Also: <a href="/metrics">/metrics</a>, <a href="/sessions">/sessions</a>, \
        <a href="/addresses">/addresses</a>, <a href="/status.json">/status.json</a></footer>
        </body></html>

        """
    }

    private static let style = """
        :root{--bg:#f6f7f9;--card:#fff;--ink:#1b2330;--dim:#5d6878;--rule:#dde2e9;--good:#177245;--bad:#b3261e;
        --warn:#8a5a00;--line:#1f66c1;--area:#1f66c133}
        @media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1b212a;--ink:#e6eaf0;--dim:#99a4b3;
        --rule:#303945;--good:#5cc98f;--bad:#ff8a80;--warn:#f0b94a;--line:#78aef5;--area:#78aef533}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
        header,main,footer{max-width:72rem;margin:0 auto;padding:0 1rem}
        header{padding-top:1rem;display:flex;flex-wrap:wrap;gap:.3rem 1rem;align-items:baseline}
        h1{font-size:1.4rem;margin:0;overflow-wrap:anywhere}
        h2{font-size:1.05rem;margin:1.6rem 0 .5rem}
        .state{font-weight:600}.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
        .dim,footer,figcaption span,.x{color:var(--dim)}
        footer{padding:1.5rem 1rem;font-size:.85rem}
        a{color:var(--line)}
        .g{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;margin-top:1rem}
        .c{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.6rem;margin-top:.6rem}
        .g>div,figure,.t,.w{background:var(--card);border:1px solid var(--rule);border-radius:.5rem;padding:.6rem .8rem;
        margin:0}
        .g b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums}
        .w{margin-top:1rem;border-color:var(--bad)}.w p{margin:.2rem 0}
        figcaption{font-size:.9rem}figcaption span{display:block}
        svg{display:block;width:100%;height:4.5rem;margin-top:.4rem}
        .axis{stroke:var(--rule)}.area{fill:var(--area)}
        .line{fill:none;stroke:var(--line);stroke-width:1.5;vector-effect:non-scaling-stroke}
        .x{display:flex;justify-content:space-between;font-size:.75rem}
        .t{overflow-x:auto;padding:.2rem .8rem}
        table{border-collapse:collapse;width:100%;font-size:.9rem}
        th{font-weight:500;color:var(--dim);text-align:left}
        th,td{padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--rule);vertical-align:top;white-space:nowrap}
        tr:last-child td{border-bottom:0}
        td.l{white-space:normal}.n{text-align:right;font-variant-numeric:tabular-nums}
        code{font:.9em ui-monospace,monospace}
        """

    // MARK: The whole

    private var header: String {
        let tone = report.state == "ready" ? "good" : "warn"
        return """
            <header><h1>\(HTML.escaped(report.standing.configured.hostname))</h1>\
            <span class="state \(tone)">\(report.state)</span>\
            <span class=dim>up \(Figures.duration(seconds: report.uptimeSeconds))</span></header>

            """
    }

    /// What is to be seen first, if there is anything.
    private var warnings: String {
        var lines: [String] = []
        if !report.oldest.silentShards.isEmpty {
            let numbers = report.oldest.silentShards.map(String.init).joined(separator: ", ")
            lines.append("Shards that do not answer: \(numbers). Their sessions are not shown.")
        }
        for upstream in report.upstreams where upstream.servers.allSatisfy({ $0.upShards == 0 }) {
            lines.append("No server of upstream \(HTML.escaped(upstream.configured.name)) is up.")
        }
        for certificate in report.standing.configured.certificates where report.daysLeft(of: certificate) < 0 {
            lines.append("The certificate \(HTML.escaped(certificate.path)) has expired.")
        }
        if !report.standing.reload.isSuccessful {
            let time = Figures.moment(report.standing.reload.time)
            lines.append("The reload at \(time) was refused: the log says why. The former configuration is in force.")
        }
        if report.logLinesDropped > 0 {
            lines.append("Lines that the log had no room for: \(Figures.count(report.logLinesDropped)).")
        }
        guard !lines.isEmpty else { return "" }
        return "<div class=w>\(lines.map { "<p class=bad>\($0)</p>" }.joined())</div>\n"
    }

    private var figures: String {
        let max = Figures.count(report.standing.configured.sessionsMax)
        let figures = [
            (Figures.count(report.sessions), "sessions, of at most \(max)"),
            (Figures.count(report.rates[.sessions]), "sessions begun in the last minute"),
            (Figures.count(report.rates[.refused]), "refused in the last minute"),
            (Figures.bytes(report.rates[.bytesIn]), "from clients in the last minute"),
            (Figures.count(report.shardCount), report.shardCount == 1 ? "shard" : "shards"),
            (
                Figures.duration(seconds: report.secondsSince(report.standing.reload.successTime)),
                "since the configuration was taken"
            ),
        ]
        return "<div class=g>\(figures.map { "<div><b>\($0)</b>\($1)</div>" }.joined())</div>\n"
    }

    private var charts: String {
        func chart(_ title: String, _ value: RateHistory.Value, _ format: @escaping (Double) -> String) -> String {
            Chart(title: title, points: report.rates.charts[value.rawValue], span: report.rates.span, format: format)
                .svg
        }
        // Steps of a second multiplied by 60 would show many that never were.
        let isFine = report.rates.span == .minute
        let perStep = { (rate: Double) in
            isFine ? "\(Figures.count(Int(rate.rounded())))/s" : "\(Figures.count(Int((rate * 60).rounded())))/min"
        }
        let perSecond = { (rate: Double) in Figures.bytes(Int(rate.rounded())) + "/s" }
        return "<div class=c>"
            + chart("Sessions begun", .sessions, perStep) + chart("Refused", .refused, perStep)
            + chart("Bytes from clients", .bytesIn, perSecond) + chart("Bytes to clients", .bytesOut, perSecond)
            + "</div>\n"
    }
}

extension StatusReport {
    func secondsSince(_ time: UTCTime) -> Double {
        Double(max(0, now.unixMilliseconds - time.unixMilliseconds)) / 1000
    }
}
