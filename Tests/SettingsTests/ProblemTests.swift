import Settings
import Testing

@Suite("Every problem names its place, its key and what would be right")
struct ProblemTests {
    @Test(arguments: keys + values + addresses)
    func isReported(_ one: Case) {
        #expect(problems(one.text) == one.problems)
    }

    static let keys = [
        Case(
            "unknown key at the top", "hostnme = \"a\"\n\(relay)listen = [\"127.0.0.1:25\"]",
            "m.toml:1:1: hostnme: unknown key; did you mean hostname?"),
        Case(
            "unknown table", "[listner.mx]\n\(relay)listen = [\"127.0.0.1:25\"]",
            "m.toml:1:2: listner: unknown key; did you mean listener?"),
        Case(
            "unknown key in a named table", "\(relay)listen = [\"127.0.0.1:25\"]\n  strattls = \"off\"",
            "m.toml:6:3: listener.mx.strattls: unknown key; did you mean starttls?"),
        Case(
            "unknown key without a likeness", "\(relay)listen = [\"127.0.0.1:25\"]\n\"se\\ncret\" = 1",
            "m.toml:6:1: listener.mx.\"se\\ncret\": unknown key"),
        Case(
            "unknown keys in tables that listeners share",
            "[timeouts]\ncomand = \"1s\"\n[listener_defaults]\nrole_ = 1\n\(relay)listen = [\"127.0.0.1:25\"]",
            "m.toml:2:1: timeouts.comand: unknown key; did you mean command?",
            "m.toml:4:1: listener_defaults.role_: unknown key; did you mean role?"),
        Case(
            "documented, but of a later version",
            "[state]\nlisten = \"\"\n\(relay)listen = [\"127.0.0.1:25\"]\n[listener.mx.check]\nrequire = true",
            "m.toml:1:2: state: not available in this version",
            "m.toml:8:14: listener.mx.check: not available in this version"),
        Case(
            "required keys", "[upstream.a]\n[listener.b]\n[tls.c]",
            "m.toml:1:11: upstream.a: the key servers is missing",
            "m.toml:2:11: listener.b: the key listen is missing (systemd = true goes without)",
            "m.toml:2:11: listener.b: the key upstream is missing",
            "m.toml:3:6: tls.c: the key certificate is missing",
            "m.toml:3:6: tls.c: the key key is missing"),
        Case(
            "name of a table", "\(relay)listen = [\"127.0.0.1:25\"]\n[upstream.\"a b\"]\nservers = [\"127.0.0.1\"]",
            "m.toml:6:11: upstream.\"a b\": \"a b\" is not a name; expected 1 to 64 letters, digits, - and _"),
        Case(
            "no listener", "[runtime]\nshards = 1",
            "m.toml: no listener; add a table [listener.NAME]"),
        Case(
            "empty file", "",
            "m.toml: no listener; add a table [listener.NAME]"),
    ]

    static let values = [
        Case(
            "wrong types",
            "hostname = 5\nruntime = 3\n[timeouts]\ngreeting = 30\n[log]\nformat = true\nfile = [1]\n"
                + "\(relay)listen = \"127.0.0.1:25\"",
            "m.toml:1:12: hostname: expected a host name, found the integer 5",
            "m.toml:2:11: runtime: expected a table, found the integer 3",
            "m.toml:4:12: timeouts.greeting: expected a duration from 1ms to 7d, found the integer 30",
            "m.toml:6:10: log.format: expected one of \"text\", \"json\", found the boolean true",
            "m.toml:7:8: log.file: expected the name of a file, or \"\", found a list",
            "m.toml:12:10: listener.mx.listen: expected a list of addresses, as in [\"[::]:25\"], found the"
                + " string \"127.0.0.1:25\""
        ),
        Case(
            "wrong types of tables", "listener = 1\nupstream.a = 2026-01-01",
            "m.toml:1:12: listener: expected tables, as in [listener.NAME], found the integer 1",
            "m.toml:2:14: upstream.a: expected a table, found a date or time"),
        Case(
            "wrong type in a list", "\(relay)listen = [25, 1.5, {}]",
            "m.toml:5:11: listener.mx.listen: expected an address, as in \"192.0.2.1:25\","
                + " \"[2001:db8::1]:25\" or \"unix:/run/x.sock\", found the integer 25",
            "m.toml:5:15: listener.mx.listen: expected an address, as in \"192.0.2.1:25\","
                + " \"[2001:db8::1]:25\" or \"unix:/run/x.sock\", found the number 1.5",
            "m.toml:5:20: listener.mx.listen: expected an address, as in \"192.0.2.1:25\","
                + " \"[2001:db8::1]:25\" or \"unix:/run/x.sock\", found a table"
        ),
        Case(
            "out of range",
            "[runtime]\nshards = -1\nmax_sessions = 0\ndrain_timeout = \"2d\"\n"
                + "\(relay)listen = [\"127.0.0.1:25\"]\ntimeouts.command = \"0s\"",
            "m.toml:2:10: runtime.shards: -1 is out of range; expected an integer from 0 to 1024",
            "m.toml:3:16: runtime.max_sessions: 0 is out of range; expected an integer from 1 to 1000000",
            "m.toml:4:17: runtime.drain_timeout: \"2d\" is out of range; expected a duration from 0s to 1d",
            "m.toml:10:20: listener.mx.timeouts.command: \"0s\" is out of range; expected a duration from 1ms to 7d"),
        Case(
            "not of the words",
            "[log]\nlevel = \"warn\"\nformat = \"\"\n[runtime]\nio_uring_features = \"6.2\"\n"
                + "\(relay)listen = [\"127.0.0.1:25\"]\nstarttls = \"requires\"",
            "m.toml:2:9: log.level: \"warn\" is not one of \"error\", \"warning\", \"info\", \"debug\"",
            "m.toml:3:10: log.format: \"\" is not one of \"text\", \"json\"",
            "m.toml:5:21: runtime.io_uring_features: \"6.2\" is not one of \"probe\", \"6.1\"; did you mean \"6.1\"?",
            "m.toml:11:12: listener.mx.starttls: \"requires\" is not one of \"off\", \"offer\", \"require\";"
                + " did you mean \"require\"?"
        ),
        Case(
            "words of a later version",
            "\(relay)listen = [\"127.0.0.1:25\"]\ndepth = \"message\"",
            "m.toml:6:9: listener.mx.depth: \"message\" is not available in this version; expected one of \"tunnel\","
                + " \"envelope\""),
        Case(
            "durations", "[timeouts]\ngreeting = \"30\"\ncommand = \"1.5s\"\n\(relay)listen = [\"127.0.0.1:25\"]",
            "m.toml:2:12: timeouts.greeting: \"30\" is not a duration; expected a number and one of ms, s, m,"
                + " h, d, as in \"30s\"",
            "m.toml:3:11: timeouts.command: \"1.5s\" is not a duration; expected a number and one of ms, s, m,"
                + " h, d, as in \"30s\""
        ),
        Case(
            "names, host names, control characters",
            "hostname = \"-a.example\"\n[log]\nfile = \"/a\\u0000b\"\n\(relay)listen ="
                + " [\"127.0.0.1:25\"]\nstat_prefix = \"m x\"",
            "m.toml:1:12: hostname: \"-a.example\" is not a host name",
            "m.toml:3:8: log.file: a control character is not allowed here",
            "m.toml:9:15: listener.mx.stat_prefix: \"m x\" is not a name; expected 1 to 64 letters, digits, - and _"),
        Case(
            "a value is repeated in part",
            "hostname = \"\(String(repeating: "x.", count: 60))\"\n\(relay)listen = [\"127.0.0.1:25\"]",
            "m.toml:1:12: hostname: \"\(String(repeating: "x.", count: 40))...\" is not a host name"),
    ]

    static let addresses = [
        Case(
            "of listeners",
            "\(relay)listen = [\"127.0.0.1\", \"127.0.0.1:65536\", \"::1\", \"[::1]\", \"[::1:25\", \"[::1]x\","
                + " \":25\", \"\"]",
            "m.toml:5:11: listener.mx.listen: \"127.0.0.1\" has no port; expected one, as in \"127.0.0.1:25\"",
            "m.toml:5:24: listener.mx.listen: \"127.0.0.1:65536\": the port is not a number from 0 to 65535",
            "m.toml:5:43: listener.mx.listen: \"::1\": an IPv6 address stands in brackets, as in \"[::1]:25\"",
            "m.toml:5:50: listener.mx.listen: \"[::1]\" has no port; expected one, as in \"[::1]:25\"",
            "m.toml:5:59: listener.mx.listen: \"[::1:25\" is not an IP address",
            "m.toml:5:70: listener.mx.listen: \"[::1]x\" is not an IP address",
            "m.toml:5:80: listener.mx.listen: \":25\" is not an IP address",
            "m.toml:5:87: listener.mx.listen: \"\" is not an IP address"),
        Case(
            "with a mark over the colon, which makes one character of both",
            "\(relay)listen = [\"127.0.0.1:\u{349}25\"]",
            "m.toml:5:11: listener.mx.listen: \"127.0.0.1:\u{349}25\" is not an IP address"),
        Case(
            "of servers",
            "\(relay)listen = [\"127.0.0.1:25\"]\n[upstream.b]\nservers ="
                + " [\n\"mx2.internal\",\n\"localhost:25\",\n\"unix:/run/x\",\n"
                + "\"10.0.0.5:0\",\n\"10.0.0.5:+25\",\n\"10.0.0.256\"]\n[upstream.c]\nservers = []",
            "m.toml:11:1: upstream.b.servers: \"10.0.0.5:0\": the port is not a number from 1 to 65535",
            "m.toml:12:1: upstream.b.servers: \"10.0.0.5:+25\": the port is not a number from 1 to 65535",
            "m.toml:13:1: upstream.b.servers: \"10.0.0.256\" is not an IP address",
            "m.toml:15:11: upstream.c.servers: the list is empty; expected at least one"),
    ]
}
