import Settings
import Testing

@Suite("check --print")
struct PrintTests {
    private let text = """
        hostname = "mx.example.com"
        [timeouts]
        command = "90s"
        [log]
        file = "/var/log/\\"mail\\"\\\\race"
        [tls.default]
        certificate = ["/c", "/d"]
        key = ["/k", "/l"]
        maximum_version = "TLS1.3"
        ciphers = "HIGH:!aNULL"
        client_certificates = "require"
        client_ca = "/ca"
        [[tls.default.sni]]
        names = ["Mail.example.org", "*.example.net"]
        certificate = "/e"
        key = ["/m"]
        [[tls.default.sni]]
        names = ["b.example"]
        certificate = "/f"
        key = "/n"
        [listener_defaults]
        tls = "default"
        [listener.mx]
        listen = ["127.0.0.1:25", "[2001:db8::1]:2525"]
        upstream = "backend"
        [listener.b]
        listen = ["127.0.0.1:26"]
        upstream = "backend"
        starttls = "require"
        timeouts.reply = "1500ms"
        [upstream.backend]
        servers = ["10.0.0.5", "[2001:db8::2]:2525"]
        [upstream.other]
        servers = ["MX.example.com", "unix:/run/x"]
        tls_verify = false
        proxy_protocol = "v2"
        proxy_protocol_tlvs = ["pass:0x01", "0xE1=text", "0xE2=hex:00", "crc32c"]
        source = ["192.0.2.2", "2001:db8::2"]
        health = { rise = 5 }
        [upstream.third]
        servers = ["10.0.0.6"]
        tls_pin_sha256 = ["\(String(repeating: "aB:", count: 31))aB"]
        tls_certificate = "/g"
        tls_key = "/o"
        [runtime]
        max_accepts_per_address = "20/60s"
        limits_exempt = []
        control_socket = ""
        [dns]
        servers = ["192.0.2.53"]
        """

    @Test func whatWasPrintedIsReadAsTheSame() throws {
        let loaded = try read(text, environment: ["MAILRACE_RUNTIME__SHARDS": "2"], options: ["log.level=error"])
        let again = try read(loaded.printed())
        #expect(again.settings == loaded.settings)
        #expect(try read(again.printed()).settings == loaded.settings)
    }

    @Test func everyValueHasItsOrigin() throws {
        let loaded = try read(text, environment: ["MAILRACE_RUNTIME__SHARDS": "2"], options: ["log.level=error"])
        let lines = loaded.printed().split(separator: "\n").map { line in
            line.split(separator: " ").joined(separator: " ")
        }
        for line in [
            "hostname = \"mx.example.com\" # m.toml:1:12", "shards = 2 # environment MAILRACE_RUNTIME__SHARDS",
            "level = \"error\" # --set", "format = \"text\" # default", "command = \"90s\" # m.toml:3:11",
            "file = \"/var/log/\\\"mail\\\"\\\\race\" # m.toml:5:8", "certificate = [\"/c\", \"/d\"] # m.toml:7:15",
            "tls = \"default\" # m.toml:22:7", "starttls = \"offer\" # default",
            "starttls = \"require\" # m.toml:29:12",
            "listen = [\"127.0.0.1:25\", \"[2001:db8::1]:2525\"] # m.toml:24:10", "reply = \"1500ms\" # m.toml:30:18",
            "servers = [\"10.0.0.5:25\", \"[2001:db8::2]:2525\"] # m.toml:32:11", "[listener.b.timeouts]",
            "[[tls.default.sni]]", "names = [\"mail.example.org\", \"*.example.net\"] # m.toml:14:9",
            "names = [\"b.example\"] # m.toml:18:9", "certificate = [\"/f\"] # m.toml:19:15",
            "servers = [\"mx.example.com:25\", \"unix:/run/x\"] # m.toml:34:11", "tls_verify = false # m.toml:35:14",
            "rise = 5 # m.toml:39:19", "[upstream.other.health]",
            "source = [\"192.0.2.2\", \"2001:db8::2\"] # m.toml:38:10",
            "proxy_protocol_tlvs = [\"pass:0x01\", \"0xE1=text\", \"0xE2=hex:00\", \"crc32c\"] # m.toml:37:23",
            "tls_pin_sha256 = [\"\(String(repeating: "AB", count: 32))\"] # m.toml:42:18",
            "max_accepts_per_address = \"20/1m\" # m.toml:46:27", "limits_exempt = [] # m.toml:47:17",
            "control_socket = \"\" # m.toml:48:18", "servers = [\"192.0.2.53:53\"] # m.toml:50:11",
            "ehlo_before_tls = \"auto\" # default",
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        #expect(lines.filter { $0 == "command = \"90s\" # m.toml:3:11" }.count == 3)
    }

    @Test func whatMayHoldAPasswordIsNotShown() throws {
        let map = """

            [map.m]
            type = "postgresql"
            connection = "postgresql://joe:hush@db.internal/mail"
            query = "SELECT server FROM t WHERE k = ?"
            upstream_settings = "backend"
            """
        let printed = try read(text + map).printed()
        #expect(!printed.contains("hush") && printed.contains("connection = \"(hidden)\""))
        #expect(try read(text).printed().contains("(hidden)") == false)
    }

    @Test func queriesOfURLsAreNotShown() throws {
        let urls = """

            [map.m]
            type = "http"
            url = "https://maps.internal/route/{key}?token=hush"
            [authenticator.a]
            type = "http"
            url = ["http://127.0.0.1:9000/auth?token=hush", "unix:/run/a.sock:/auth?hush", "https://auth.internal/?"]
            """
        let printed = try read(text + urls).printed()
        #expect(!printed.contains("hush"))
        #expect(printed.contains("url = \"https://maps.internal/route/{key}?(hidden)\""))
        #expect(
            printed.contains(
                "url = [\"http://127.0.0.1:9000/auth?(hidden)\", \"unix:/run/a.sock:/auth?(hidden)\","
                    + " \"https://auth.internal/?(hidden)\"]"))
        // It is still something that can be read.
        #expect(try read(printed).printed().contains("route/{key}?(hidden)"))
    }

    @Test(arguments: [
        "http://a/?hush#b", "http://a b/?hush", "http://unix/?hush", "http://unix:/x?hush", "ftp://a/?hush",
        "http://a:0/?hush", "unix:x:/auth?hush", "unix:/x:auth?hush", "https://joe:hush@a/", "https://joe:hu/sh@a/",
        "https://joe:hu?sh@a/", "https://joe:hush@a/#b",
    ])
    func whatIsNoURLDoesNotTellItsSecrets(_ url: String) throws {
        for set in ["map.m", "authenticator.a"] {
            let problems = try #require(throws: SettingsProblems.self) {
                try read(text + "\n[\(set)]\ntype = \"http\"\nurl = \"\(url)\"")
            }
            let words = problems.description
            #expect(words.contains("\(set).url: "), "\(words)")
            for secret in ["hush", "hu", "sh@"] { #expect(!words.contains(secret), "\(words)") }
        }
    }

    @Test func namesOfFilesCannotBreakAComment() throws {
        let name = "a\n[log]\nlevel = \"debug\"\u{7F}"
        let loaded = try Settings.read(Array(text.utf8), file: name)
        #expect(try read(loaded.printed()).settings == loaded.settings)
    }
}
