import Relay
import Telemetry

extension StatusReport {
    var json: JSONValue {
        let configured = standing.configured
        return .object([
            ("version", .text(Product.version)), ("hostname", .text(configured.hostname)), ("state", .text(state)),
            ("start", .text(start.description)), ("uptime_seconds", .decimal(uptimeSeconds)),
            ("shards", .count(shardCount)),
            ("silent_shards", .list(oldest.silentShards.map { .count($0) })),
            ("sessions", .count(sessions)), ("max_sessions", .count(configured.sessionsMax)),
            (
                "per_minute",
                .object([
                    ("sessions", .count(rates[.sessions])), ("refused", .count(rates[.refused])),
                    ("bytes_received", .count(rates[.bytesIn])), ("bytes_sent", .count(rates[.bytesOut])),
                ])
            ),
            (
                "reload",
                .object([
                    ("successful", .flag(standing.reload.isSuccessful)),
                    ("time", .text(standing.reload.time.description)),
                    ("in_force_since", .text(standing.reload.successTime.description)),
                ])
            ),
            ("listeners", .list(listeners.map(\.json))), ("upstreams", .list(upstreams.map(\.json))),
            (
                "troubles",
                .list(troubles.map { .object([("name", .text($0.name)), ("count", .count($0.count))]) })
            ),
            ("certificates", .list(configured.certificates.map(json))),
            ("log_lines_dropped", .count(logLinesDropped)),
        ])
    }

    private func json(of certificate: AdminBoard.Configured.Certificate) -> JSONValue {
        .object([
            ("set", .text(certificate.set)), ("file", .text(certificate.path)),
            ("not_after", .text(UTCTime(unixMilliseconds: certificate.notAfter * 1000).description)),
            ("days_left", .count(daysLeft(of: certificate))),
        ])
    }
}

extension StatusReport.Listener {
    fileprivate var json: JSONValue {
        .object([
            ("name", .text(configured.name)), ("stat_prefix", .text(configured.statPrefix)),
            ("addresses", .list(configured.addresses.map { .text($0) })), ("role", .text(configured.role)),
            ("tls", .text(configured.tls)), ("upstream", .text(configured.upstream)), ("sessions", .count(sessions)),
            ("opaque", .count(opaque)), ("sessions_ever", .count(total)),
            ("sessions_per_minute", .count(sessionsPerMinute)), ("refused_per_minute", .count(refusedPerMinute)),
        ])
    }
}

extension StatusReport.Upstream {
    fileprivate var json: JSONValue {
        .object([
            ("name", .text(configured.name)), ("tls", .text(configured.tls)),
            (
                "servers",
                .list(
                    servers.map { server in
                        .object([
                            ("server", .text(server.name)), ("up_shards", .count(server.upShards)),
                            ("connections", .count(server.connections)), ("connects", .count(server.connects)),
                            ("connect_failures", .count(server.connectFailures)),
                            ("failures", .count(server.failures)), ("ejections", .count(server.ejections)),
                            ("failed_checks", .count(server.failedChecks)),
                        ])
                    })
            ),
        ])
    }
}

extension Visitors.Visitor {
    var json: JSONValue {
        .object([
            ("address", .text(address)), ("sessions", .count(sessions)), ("begun", .count(begun)),
            ("refused", .count(refused)),
        ])
    }
}
