import Lookup
import Service

/// What `mailrace status` shows of the endpoint's `/status.json`.
struct StatusText {
    let status: JSONDocument.Value

    /// One line, for a pipe: fields that a program can take apart.
    var line: String {
        let rates = status["per_minute"]
        let fields = [
            ("state", status["state"].text), ("sessions", "\(status["sessions"].integer)"),
            ("max_sessions", "\(status["max_sessions"].integer)"),
            ("begun_per_minute", "\(rates["sessions"].integer)"),
            ("refused_per_minute", "\(rates["refused"].integer)"),
            ("received_per_minute", "\(rates["bytes_received"].integer)"),
            ("sent_per_minute", "\(rates["bytes_sent"].integer)"),
            ("servers_up", "\(servers.filter { $0["up_shards"].integer > 0 }.count)"), ("servers", "\(servers.count)"),
        ]
        return fields.map { "\($0)=\(TableText.visible($1, limit: 32))" }.joined(separator: " ")
    }

    private var servers: [JSONDocument.Value] { status["upstreams"].list.flatMap { $0["servers"].list } }

    /// Lines for a person.
    var lines: [String] {
        var lines = head
        lines += section("", listeners) + section("", upstreams)
        lines += section("Refused and failed since the start:", troubles) + section("", certificates)
        return lines
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        guard !lines.isEmpty else { return [] }
        return [""] + (title.isEmpty ? [] : [title]) + lines
    }

    private var head: [String] {
        let rates = status["per_minute"]
        let uptime = Figures.duration(seconds: status["uptime_seconds"].real)
        let reload = status["reload"]
        var lines = [
            "\(status["hostname"].text): \(status["state"].text), up \(uptime), Mailrace \(status["version"].text)",
            "\(Figures.count(status["sessions"].integer)) of at most \(Figures.count(status["max_sessions"].integer))"
                + " sessions, on \(status["shards"].integer) shards",
            "In the last minute: \(Figures.count(rates["sessions"].integer)) begun,"
                + " \(Figures.count(rates["refused"].integer)) refused,"
                + " \(Figures.bytes(rates["bytes_received"].integer)) received,"
                + " \(Figures.bytes(rates["bytes_sent"].integer)) sent",
        ]
        if !reload["successful"].flag {
            lines.append("The reload at \(reload["time"].text) was refused; the former configuration is in force")
        }
        let silent = status["silent_shards"].list
        if !silent.isEmpty {
            lines.append("Shards that do not answer: \(silent.map { "\($0.integer)" }.joined(separator: ", "))")
        }
        let dropped = status["log_lines_dropped"].integer
        if dropped > 0 { lines.append("Lines that the log had no room for: \(Figures.count(dropped))") }
        return lines.map { TableText.visible($0, limit: 200) }
    }

    private var listeners: [String] {
        TableText.lines(
            [
                "LISTENER", "ADDRESS", "TLS", "UPSTREAM", "#SESSIONS", "#HANDED OFF", "#BEGUN/MIN", "#REFUSED/MIN",
                "#EVER",
            ],
            status["listeners"].list.flatMap { listener in
                // A listener of several addresses has a row for each.
                let addresses = listener["addresses"].list.map(\.text)
                return (addresses.isEmpty ? [""] : addresses).enumerated().map { index, address in
                    guard index == 0 else { return ["", address] + [String](repeating: "", count: 7) }
                    return [
                        listener["name"].text, address, listener["tls"].text, listener["upstream"].text,
                        Figures.count(listener["sessions"].integer), Figures.count(listener["opaque"].integer),
                        Figures.count(listener["sessions_per_minute"].integer),
                        Figures.count(listener["refused_per_minute"].integer),
                        Figures.count(listener["sessions_ever"].integer),
                    ]
                }
            })
    }

    private var upstreams: [String] {
        let shards = status["shards"].integer
        return TableText.lines(
            [
                "UPSTREAM", "SERVER", "HEALTH", "TLS", "#CONNECTIONS", "#EVER", "#NOT REACHED", "#FAILED", "#EJECTED",
                "#CHECKS FAILED",
            ],
            status["upstreams"].list.flatMap { upstream in
                upstream["servers"].list.map { server in
                    let up = server["up_shards"].integer
                    return [
                        upstream["name"].text, server["server"].text,
                        up == 0 ? "down" : up >= shards ? "up" : "up on \(up) of \(shards)", upstream["tls"].text,
                        Figures.count(server["connections"].integer), Figures.count(server["connects"].integer),
                        Figures.count(server["connect_failures"].integer), Figures.count(server["failures"].integer),
                        Figures.count(server["ejections"].integer), Figures.count(server["failed_checks"].integer),
                    ]
                }
            })
    }

    private var troubles: [String] {
        let troubles = status["troubles"].list
        guard !troubles.isEmpty else { return [] }
        return TableText.lines(
            ["#TIMES", "COUNTER"], troubles.map { [Figures.count($0["count"].integer), $0["name"].text] })
    }

    private var certificates: [String] {
        let certificates = status["certificates"].list
        guard !certificates.isEmpty else { return [] }
        return TableText.lines(
            ["CERTIFICATE", "SET", "EXPIRES", "#DAYS LEFT"],
            certificates.map {
                [$0["file"].text, $0["set"].text, $0["not_after"].text, Figures.count($0["days_left"].integer)]
            })
    }
}
