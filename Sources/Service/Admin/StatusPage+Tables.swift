import Relay
import Telemetry

extension StatusPage {
    var listeners: String {
        let rows = report.listeners.map { listener in
            [
                HTML.escaped(listener.configured.name),
                listener.configured.addresses.map { HTML.escaped($0) }.joined(separator: "<br>"),
                listener.configured.tls == "implicit" ? "from the first byte" : "STARTTLS \(listener.configured.tls)",
                HTML.escaped(listener.configured.upstream), Figures.count(listener.sessions),
                Figures.count(listener.opaque), Figures.count(listener.sessionsPerMinute),
                Figures.count(listener.refusedPerMinute), Figures.count(listener.total),
            ]
        }
        return "<h2>Listeners</h2>\n"
            + HTML.table(
                [
                    "Listener", "Address", "TLS", "Upstream", "#Sessions", "#Handed off", "#Begun/min", "#Refused/min",
                    "#Ever",
                ], rows)
    }

    var upstreams: String {
        let rows = report.upstreams.flatMap { upstream in
            upstream.servers.map { server in
                [
                    HTML.escaped(upstream.configured.name), HTML.escaped(server.name), health(of: server),
                    upstream.configured.tls, Figures.count(server.connections), Figures.count(server.connects),
                    Figures.count(server.connectFailures), Figures.count(server.failures),
                    Figures.count(server.ejections), Figures.count(server.failedChecks),
                ]
            }
        }
        return "<h2>Upstreams</h2>\n"
            + HTML.table(
                [
                    "Upstream", "Server", "Health", "TLS", "#Connections", "#Ever", "#Not reached", "#Failed",
                    "#Ejected", "#Checks failed",
                ], rows)
    }

    private func health(of server: StatusReport.Upstream.Server) -> String {
        switch server.upShards {
        case 0: "<span class=bad>down</span>"
        case report.shardCount...: "<span class=good>up</span>"
        default: "<span class=warn>up on \(server.upShards) of \(report.shardCount) shards</span>"
        }
    }

    var troubles: String {
        guard !report.troubles.isEmpty else { return "" }
        let rows = report.troubles.map { trouble in
            [Figures.count(trouble.count), HTML.escaped(trouble.help), "<code>\(trouble.name)</code>"]
        }
        return "<h2>Refused and failed since the start</h2>\n" + HTML.table(["#Times", "What", "Counter"], rows)
    }

    var sessions: String {
        let rows = report.oldest.sessions.map { session in
            let record = session.record
            return [
                Figures.duration(seconds: report.oldest.ageSeconds(of: session)), HTML.escaped(record.client),
                HTML.escaped(record.greetingName ?? "", limit: 64), HTML.escaped(record.login ?? "", limit: 64),
                HTML.escaped(record.decision ?? ""), HTML.escaped(record.phase.rawValue),
                HTML.escaped(record.listener), HTML.escaped(record.upstream ?? ""),
                HTML.escaped(record.tls?.version ?? ""), Figures.bytes(session.bytesReceived),
                Figures.bytes(session.bytesSent), "<code>\(record.id)</code>",
            ]
        }
        let count = report.oldest.total
        let title = count > rows.count ? "Oldest \(rows.count) of \(Figures.count(count)) sessions" : "Sessions"
        guard !rows.isEmpty else { return "<h2>\(title)</h2>\n<p class=dim>There are none.</p>\n" }
        return "<h2>\(title)</h2>\n"
            + HTML.table(
                [
                    "#Age", "Client", "Calls itself", "Login", "Decision", "Phase", "Listener", "Upstream", "TLS",
                    "#Received", "#Sent", "Id",
                ], rows)
    }

    var visitors: String {
        guard !report.visitors.isEmpty else { return "" }
        let rows = report.visitors.map { visitor in
            [
                HTML.escaped(visitor.address), Figures.count(visitor.sessions), Figures.count(visitor.refused),
                Figures.count(visitor.begun),
            ]
        }
        return "<h2>Addresses</h2>\n" + HTML.table(["Address", "#Sessions", "#Refused", "#Begun"], rows)
    }

    var certificates: String {
        let certificates = report.standing.configured.certificates
        guard !certificates.isEmpty else { return "" }
        let rows = certificates.map { certificate in
            let days = report.daysLeft(of: certificate)
            let tone = days < 0 ? "bad" : days < 14 ? "warn" : "good"
            return [
                HTML.escaped(certificate.set), HTML.escaped(certificate.path),
                Figures.moment(UTCTime(unixMilliseconds: certificate.notAfter * 1000)),
                "<span class=\(tone)>\(days < 0 ? "expired" : Figures.count(days))</span>",
            ]
        }
        return "<h2>Certificates</h2>\n" + HTML.table(["Set", "File", "Expires (UTC)", "#Days left"], rows)
    }
}
