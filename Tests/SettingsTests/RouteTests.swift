import Settings
import Testing

@Suite("Routes and maps")
struct RouteTests {
    /// 10 lines; keys of the map follow.
    private static let mx = """
        [upstream.backend]
        servers = ["127.0.0.1:2500"]
        [listener.mx]
        listen = ["127.0.0.1:25"]
        depth = "envelope"
        [[listener.mx.route]]
        map = "m"
        [map.m]
        upstream_settings = "backend"

        """

    /// 6 lines; routes follow, and keys of the listener before them.
    private static func listener(_ keys: String, _ routes: String = "") -> String {
        """
        [upstream.backend]
        servers = ["127.0.0.1:2500"]
        [listener.mx]
        listen = ["127.0.0.1:25"]
        \(keys)
        \(routes)
        """
    }

    /// 10 lines, then routes to a map of recipients, to one of another subject and to one of logins.
    private static func sessions(_ role: String, other: String = "sender") -> String {
        """
        [upstream.backend]
        servers = ["127.0.0.1:2500"]
        [authenticator.a]
        type = "pam"
        [listener.mx]
        listen = ["127.0.0.1:25"]
        depth = "envelope"
        relaying = "session"
        auth = { authenticator = "a", before_tls = true }
        \(role)
        [[listener.mx.route]]
        map = "m"
        [[listener.mx.route]]
        map = "s"
        [[listener.mx.route]]
        map = "l"
        [map.m]
        type = "csv"
        file = "f"
        [map.s]
        type = "csv"
        file = "f"
        keys = ["\(other)"]
        [map.l]
        type = "csv"
        file = "f"
        keys = ["login"]
        """
    }

    @Test func haveDefaults() throws {
        let settings = try read(Self.mx + "type = \"csv\"\nfile = \"f\"").settings
        let map = try #require(settings.map(named: "m"))
        #expect(map.keys == [.address, .addressWithoutDetail, .domain] && !map.foldsLocalParts)
        #expect(map.timeout == .seconds(5) && map.cacheTTL == .zero && map.maxConnections == 4)
        let listener = settings.listeners[0]
        #expect(listener.upstream.isEmpty && listener.routes.map(\.map) == ["m"])
        #expect(
            settings.relaying(of: listener) == .transaction
                && settings.upstreams(of: listener).map(\.name) == ["backend"])
        #expect(listener.multiRoute == .defer && listener.maxMessageSize == 25 << 20 && listener.maxRecipients == 1_000)
        #expect(listener.maxLineLength == 64 << 10 && listener.bareNewline == .reject)
        #expect(listener.timeouts.data == .seconds(180) && listener.timeouts.finalReply == .seconds(600))
        let upstream = settings.upstreams[0]
        #expect(upstream.idleConnections == 4 && upstream.idleTimeout == .seconds(30))
        #expect(upstream.maxConnectionAge == .seconds(300) && upstream.maxMessagesPerConnection == 100)
    }

    @Test(arguments: [
        ("depth = \"envelope\"\nupstream = \"backend\"", Settings.Listener.Relaying.session),
        ("depth = \"envelope\"\nupstream = \"backend\"\nrelaying = \"transaction\"", .transaction),
        ("upstream = \"backend\"", .session),
    ])
    func relayingFollowsTheRoutes(_ keys: String, _ relaying: Settings.Listener.Relaying) throws {
        let settings = try read(Self.listener(keys)).settings
        #expect(settings.relaying(of: settings.listeners[0]) == relaying)
    }

    @Test(arguments: [
        Case(
            "no route at all", listener("depth = \"envelope\""), "m.toml:3:11: listener.mx: the key upstream is missing"
        ),
        Case(
            "a route that leads nowhere, and one that leads to two places",
            listener(
                "depth = \"envelope\"",
                "[[listener.mx.route]]\n[[listener.mx.route]]\nmap = \"m\"\nupstream = \"backend\""),
            "m.toml:6:1: listener.mx.route: the route leads nowhere; expected map or upstream",
            "m.toml:7:1: listener.mx.route: a route takes a map or an upstream, and both are given",
            "m.toml:8:7: listener.mx.route.map: there is no [map.m]"),
        Case(
            "at tunnel depth",
            listener("", "[[listener.mx.route]]\nupstream = \"bakend\""),
            "m.toml:6:1: listener.mx.route: at tunnel depth nobody looks at recipients; expected depth = \"envelope\"",
            "m.toml:7:12: listener.mx.route.upstream: there is no [upstream.bakend]; did you mean backend?"),
        Case(
            "the keys of another type",
            "\(mx)type = \"csv\"\nfile = \"f\"\nquery = \"SELECT ?\"\nserver = \"127.0.0.1:6379\"\ncache_ttl = \"1s\"",
            "m.toml:12:1: map.m.query: is for the type \"sqlite\", \"mysql\", \"postgresql\", and the type is \"csv\"",
            "m.toml:13:1: map.m.server: is for the type \"redis\", and the type is \"csv\"",
            "m.toml:14:1: map.m.cache_ttl: is for the type \"sqlite\", \"mysql\", \"postgresql\", \"redis\", \"http\", and the"
                + " type is \"csv\""),
        Case(
            "keys that are missing", "\(mx)type = \"mysql\"\n[map.r]\ntype = \"redis\"\n[map.h]\ntype = \"http\"",
            "m.toml:8:6: map.m: nothing says where the database is; expected host or socket",
            "m.toml:8:6: map.m: the key query is missing; the type \"mysql\" needs it",
            "m.toml:11:6: map.r: the key server is missing; the type \"redis\" needs it",
            "m.toml:13:6: map.h: the key url is missing; the type \"http\" needs it"),
        Case(
            "keys of several subjects",
            "\(mx)type = \"csv\"\nfile = \"f\"\nkeys = [\"address\", \"sender\", \"address\"]",
            "m.toml:12:20: map.m.keys: \"sender\" is about senders, and \"address\" about recipients; what is meant for the"
                + " one must not be found for the other: make two maps of it",
            "m.toml:12:30: map.m.keys: \"address\" is in the list already"),
        Case(
            "statements", "\(mx)type = \"sqlite\"\nfile = \"f\"\nquery = \"SELECT '?' FROM t\"",
            "m.toml:12:9: map.m.query: the statement has no ? for the key; expected one"),
        Case(
            "a connection that is told twice",
            "\(mx)type = \"postgresql\"\nconnection = \"host=a\"\nhost = \"a\"\nport = 1\nquery = \"SELECT ?\"",
            "m.toml:12:8: map.m.host: stands in connection, or nowhere",
            "m.toml:13:8: map.m.port: stands in connection, or nowhere"),
        Case(
            "servers of HTTP", "\(mx)type = \"http\"\nurl = \"http://unix/a\"",
            "m.toml:11:7: map.m.url: \"http://unix/a\": \"unix\" is taken for a socket; give the server another name"),
        Case(
            "a database's number and port", "\(mx)type = \"redis\"\nserver = \"localhost\"\ndatabase = \"mail\"",
            "m.toml:11:10: map.m.server: \"localhost\" has no port; expected one, as in \"127.0.0.1:6379\"",
            "m.toml:12:12: map.m.database: \"mail\" is not the number of a database"),
        Case(
            "LMTP for whole sessions",
            "\(listener("upstream = \"l\""))[upstream.l]\nservers = [\"unix:/run/l\"]\nprotocol = \"lmtp\"",
            "m.toml:5:12: listener.mx.upstream: upstream.l speaks LMTP, for which messages are relayed one by one;"
                + " expected depth = \"envelope\""),
        Case(
            "routes of recipients where nobody has named one",
            sessions("role = \"submission\""),
            "m.toml:12:7: listener.mx.route.map: map.m is about recipients, and clients that authenticate are led on before"
                + " they name any: whole sessions are relayed; expected relaying = \"transaction\"",
            "m.toml:14:7: listener.mx.route.map: map.s is about senders, and clients that authenticate are led on before"
                + " they name any: whole sessions are relayed; expected relaying = \"transaction\""),
        Case(
            "a delimiter",
            listener("depth = \"envelope\"\nupstream = \"backend\"\nrecipient_delimiter = \"ab\""),
            "m.toml:7:23: listener.mx.recipient_delimiter: \"ab\" is no delimiter; expected one character of"
                + " !#$%&'*+-/=?^_`{|}~"),
    ])
    func areReviewed(_ one: Case) {
        #expect(problems(one.text) == one.problems)
    }

    @Test(arguments: [
        Case(
            "keys without effect",
            listener("upstream = \"backend\"\nmax_recipients = 5\nrelaying = \"session\"\nrecipient_delimiter = \"+\""),
            "m.toml:6:18: listener.mx.max_recipients: has no effect at tunnel depth",
            "m.toml:7:12: listener.mx.relaying: has no effect at tunnel depth",
            "m.toml:8:23: listener.mx.recipient_delimiter: has no effect at tunnel depth"),
        Case(
            "keys without effect for sessions",
            listener("upstream = \"backend\"\ndepth = \"envelope\"\nmulti_route = \"first\""),
            "m.toml:7:15: listener.mx.multi_route: has no effect where whole sessions are relayed"),
        Case(
            "a code for nobody",
            listener("depth = \"envelope\"\nupstream = \"backend\"\nrelay_denied_code = 550"),
            "m.toml:7:21: listener.mx.relay_denied_code: has no effect: no recipient is refused for want of a route"),
        Case(
            "a route behind one that takes all",
            listener(
                "depth = \"envelope\"",
                "[[listener.mx.route]]\nupstream = \"backend\"\n[[listener.mx.route]]\nupstream = \"backend\""),
            "m.toml:8:1: listener.mx.route: nobody comes here: the route before it takes all"),
        Case(
            "routes of recipients that who authenticates passes by",
            sessions("role = \"smtp\"", other: "client"),
            "m.toml:12:7: listener.mx.route.map: map.m is about recipients, and clients that authenticate are led on before"
                + " they name any: whole sessions are relayed"),
        Case(
            "an open relay",
            "[upstream.backend]\nservers = [\"127.0.0.1:2500\"]\nproxy_protocol = \"v2\"\n[listener.mx]\n"
                + "listen = [\"192.0.2.1:25\"]\ndepth = \"envelope\"\n[[listener.mx.route]]\nupstream = \"backend\"",
            "m.toml:8:12: listener.mx.route.upstream: 192.0.2.1:25 is open to others, and upstream.backend gets what they"
                + " send to recipients that nobody knows here: it must not relay for Mailrace; auth.require = true demands"
                + " that they authenticate"),
        Case(
            "an open relay for those who know a sender",
            "[upstream.backend]\nservers = [\"127.0.0.1:2500\"]\nproxy_protocol = \"v2\"\n[map.m]\ntype = \"csv\"\n"
                + "file = \"/dev/null\"\nkeys = [\"sender\"]\n[listener.mx]\nlisten = [\"192.0.2.1:25\"]\n"
                + "depth = \"envelope\"\n[[listener.mx.route]]\nmap = \"m\"",
            "m.toml:12:7: listener.mx.route.map: map.m goes by the sender, which anybody can make up: the servers that it"
                + " leads to must not relay for Mailrace; auth.require = true demands that clients authenticate"),
    ])
    func areWarnedOf(_ one: Case) throws {
        #expect(try read(one.text).warnings.map(\.description) == one.problems)
    }

    @Test func secretsAreNotPrinted() throws {
        let text = Self.mx + "type = \"http\"\nurl = \"http://127.0.0.1/{key}\"\nheaders = { X-Key = \"tiger\" }"
        let printed = try read(text).printed()
        #expect(printed.contains("[map.m]") && !printed.contains("tiger"))
        #expect(printed.contains("[[listener.mx.route]]"))
    }
}
