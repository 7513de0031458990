import Glibc
import Lookup
import Policy
import Service
import Testing

@testable import mailrace

/// `mailrace route`, in a process of its own: it writes to its streams.
@Suite(.serialized) struct RoutingTests {
    private func text(_ bytes: [UInt8]?) -> String { String(decoding: bytes ?? [], as: UTF8.self) }

    /// A file with this configuration, a listener and two upstreams added, and beside it a file of routes.
    private static func file(_ configuration: String) -> String {
        let folder = "/tmp/mailrace-route-\(getpid())"
        mkdir(folder, 0o700)
        write(
            """
            key;server;tls_verify
            joe@example.com;192.0.2.1;true
            example.com;mx.example.com:2525
            example.net;backend;no
            example.org;[2001:db8::1]:26
            """, to: folder + "/routes.csv")
        write(
            """
            hostname = "mx.example.com"
            [upstream.backend]
            servers = ["127.0.0.1:2526"]
            [upstream.spare]
            servers = ["127.0.0.1:2527"]
            [map.customers]
            type = "csv"
            file = "\(folder)/routes.csv"
            upstream_settings = "backend"
            \(configuration)
            """, to: folder + "/mailrace.toml")
        return folder + "/mailrace.toml"
    }

    private static func write(_ text: String, to path: String) {
        guard let file = fopen(path, "w") else { return }
        fputs(text, file)
        fclose(file)
    }

    /// Ends the process as the command does.
    private static func ask(_ configuration: String, _ arguments: String...) throws -> Never {
        let file = file(configuration)
        guard case .command(let options) = try Invocation(arguments: ["route", "--config", file] + arguments) else {
            exit(1)
        }
        exit(Routing.run(options).rawValue)
    }

    private static let mx = """
        [listener.mx]
        listen = ["127.0.0.1:0"]
        depth = "envelope"
        [[listener.mx.route]]
        map = "customers"
        """

    @Test func aRouteIsShown() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            try Self.ask(Self.mx, "joe@example.com")
        }
        let said = text(ended?.standardOutputContent)
        #expect(said == "backend 192.0.2.1:25 tls_verify=true\n")
    }

    @Test func allOfItIsShown() async {
        let ended = await #expect(
            processExitsWith: .success, observing: [\.standardOutputContent, \.standardErrorContent]
        ) {
            try Self.ask(Self.mx, "--verbose", "--json", "Ann@Example.ORG")
        }
        let (said, asked) = (text(ended?.standardOutputContent), text(ended?.standardErrorContent))
        #expect(
            said == #"{"listener": "mx", "upstream": "backend", "server": "[2001:db8::1]:26", "tls_verify": null, "#
                + #""map": "customers", "reply": null, "asked": [{"map": "customers", "kind": "address", "#
                + #""key": "Ann@example.org", "answer": "missing", "server": null, "tls_verify": null}, "#
                + #"{"map": "customers", "kind": "domain", "key": "example.org", "answer": "found", "#
                + #""server": "[2001:db8::1]:26", "tls_verify": null}]}"# + "\n")
        #expect(
            asked == """
                customers: address "Ann@example.org": missing
                customers: domain "example.org": found "[2001:db8::1]:26"

                """)
    }

    @Test func anUpstreamIsShown() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            try Self.ask(Self.mx, "ann@example.net")
        }
        let said = text(ended?.standardOutputContent)
        #expect(said == "backend tls_verify=false\n")
    }

    @Test func nobodyTakesTheRest() async {
        let ended = await #expect(
            processExitsWith: .exitCode(1), observing: [\.standardOutputContent, \.standardErrorContent]
        ) {
            try Self.ask(Self.mx, "ann@example.edu")
        }
        let (said, asked) = (text(ended?.standardOutputContent), text(ended?.standardErrorContent))
        #expect(!said.contains("backend") && !asked.contains("customers"))
    }

    @Test func aRefusalIsShownInDetail() async {
        let ended = await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
            try Self.ask(Self.mx, "--verbose", "ann@example.edu")
        }
        let asked = text(ended?.standardErrorContent)
        #expect(asked.hasSuffix("customers: domain \"example.edu\": missing\n554 5.7.1 Relay access denied\n"))
    }

    @Test func anotherUpstreamTakesTheRest() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            try Self.ask(Self.mx + "\n[[listener.mx.route]]\nupstream = \"spare\"", "ann@example.edu")
        }
        let said = text(ended?.standardOutputContent)
        #expect(said == "spare\n")
    }

    @Test func withoutRoutesAllGoesToTheUpstream() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            try Self.ask("[listener.mx]\nlisten = [\"127.0.0.1:0\"]\nupstream = \"spare\"", "ann@example.edu")
        }
        let said = text(ended?.standardOutputContent)
        #expect(said == "spare\n")
    }

    private static let byClient = """
        [map.clients]
        type = "csv"
        file = "/tmp/mailrace-clients.csv"
        keys = ["client"]
        [listener.mx]
        listen = ["127.0.0.1:0"]
        depth = "envelope"
        [[listener.mx.route]]
        map = "clients"
        """

    @Test func aClientMayHaveARoute() async {
        let ended = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            Self.write("key;server\n192.0.2.0/24;spare\n", to: "/tmp/mailrace-clients.csv")
            try Self.ask(Self.byClient, "--client", "192.0.2.77", "ann@example.edu")
        }
        let said = text(ended?.standardOutputContent)
        #expect(said == "spare\n")
    }

    /// Nobody listens there.
    @Test func aMapThatCannotSay() async {
        let ended = await #expect(
            processExitsWith: .exitCode(75), observing: [\.standardOutputContent, \.standardErrorContent]
        ) {
            let map = "[map.web]\ntype = \"http\"\nurl = \"unix:/nonexistent/routes.sock:/{key}\"\n"
            try Self.ask(map + Self.mx + "\n[[listener.mx.route]]\nmap = \"web\"", "ann@example.edu")
        }
        let (said, asked) = (text(ended?.standardOutputContent), text(ended?.standardErrorContent))
        #expect(!said.contains("backend") && asked.hasSuffix("mailrace: the map web could not say\n"))
        #expect(asked.contains("a map does not answer"))
    }

    @Test func severalListenersNeedAName() async {
        let ended = await #expect(processExitsWith: .exitCode(64), observing: [\.standardErrorContent]) {
            let other = "\n[listener.other]\nlisten = [\"127.0.0.1:0\"]\nupstream = \"spare\""
            try Self.ask(Self.mx + other, "ann@example.edu")
        }
        let said = text(ended?.standardErrorContent)
        #expect(said == "mailrace: --listener must say which: mx, other\n")
    }

    @Test func aListenerThatThereIsNot() async {
        let ended = await #expect(processExitsWith: .exitCode(64), observing: [\.standardErrorContent]) {
            try Self.ask(Self.mx, "--listener", "mxx", "ann@example.edu")
        }
        let said = text(ended?.standardErrorContent)
        #expect(said == "mailrace: there is no listener.mxx; did you mean mx?\n")
    }

    @Test func aFileThatCannotBeUsed() async {
        let ended = await #expect(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            Self.write("key;server\nexample.com\n", to: "/tmp/mailrace-bad.csv")
            let map = "[map.bad]\ntype = \"csv\"\nfile = \"/tmp/mailrace-bad.csv\"\nupstream_settings = \"spare\"\n"
            try Self.ask(map + Self.mx + "\n[[listener.mx.route]]\nmap = \"bad\"", "ann@example.edu")
        }
        let said = text(ended?.standardErrorContent)
        #expect(said.contains("map.bad.file: /tmp/mailrace-bad.csv: line 2: no semicolon stands behind the key\n"))
    }

    @Test func whatMapsSayIsEscaped() {
        let key = MapKey(.login, Array("j\u{1b}oe".utf8))
        let rubbish = MapEntry(server: Array("a\nb".utf8))
        let steps = [RouteInquiry.Step(map: "m", key: key, answer: .found(rubbish))]
        let shown = RouteText(RouteInquiry.Answer(listener: "mx", route: .unavailable, steps: steps))
        #expect(shown.asked == [#"m: login "j\x1Boe": found "a\x0Ab""#])
        #expect(shown.failure == #"the map m names no server that could be used: "a\x0Ab""#)
        #expect(shown.json.contains(#""key": "j\u001boe""#) || shown.json.contains(#""key": "j\u001Boe""#))
    }
}
