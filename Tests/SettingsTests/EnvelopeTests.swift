import Testing

@testable import Settings

@Suite("The envelope depth")
struct EnvelopeTests {
    /// 6 lines; keys of the listener follow.
    private static let mx = "\(relay)listen = [\"127.0.0.1:25\"]\ndepth = \"envelope\"\n"
    private static let site = "\n[authenticator.site]\ntype = \"http\"\nurl = \"http://127.0.0.1:9000/auth\""
    private static let set = "\n[tls.a]\ncertificate = \"c\"\nkey = \"k\""
    private static let asked =
        "\n[tls.a]\ncertificate = \"c\"\nkey = \"k\"\nclient_certificates = \"request\"\nclient_ca = \"a\""

    @Test func hasDefaults() throws {
        let settings = try read(Self.mx).settings
        let listener = settings.listeners[0]
        #expect(listener.depth == .envelope && listener.greeting == "ESMTP" && listener.greetingTeaser.isEmpty)
        #expect(listener.greetingDelay == .zero && listener.capabilities.isEmpty && listener.xclientTrusted.isEmpty)
        #expect(listener.maxErrors == 20 && listener.maxCommands == 1_000)
        #expect(listener.maxMessagesPerAddress.count == 0 && listener.timeouts.conversation == .seconds(1_800))
        let authentication = listener.authentication
        #expect(authentication.mechanisms.isEmpty && authentication.authenticator == nil && !authentication.isRequired)
        #expect(!authentication.isAllowedBeforeTLS && !authentication.alwaysAcceptsPlainAndLogin)
        #expect(authentication.maxFailures == 3)
        let upstream = settings.upstreams[0]
        #expect(upstream.helo == .own && upstream.xclient == .auto && upstream.xclientRefused == .defer)
        #expect(upstream.authentication == .off)
    }

    @Test func ofAnAuthenticatorHasDefaults() throws {
        let site = try #require(try read(Self.mx + Self.site).settings.authenticator(named: "site"))
        #expect(site.type == .http && site.urls.map(\.text) == ["http://127.0.0.1:9000/auth"])
        #expect(site.timeout == .seconds(60) && site.connectTimeout == .seconds(5) && site.headers.isEmpty)
        #expect(!site.passesClientCertificate && site.needsServer && site.tlsCA.isEmpty && site.verifiesTLS)
        #expect(site.file.isEmpty && site.socket == nil && site.service == "mailrace")
    }

    @Test(
        arguments: [
            ("", [], false), ("auth.authenticator = \"site\"", [.plain, .login], false),
            ("auth = { authenticator = \"site\", mechanisms = [\"login\", \"None\"] }", [.login, .none], false),
            ("role = \"submission\"\nauth.authenticator = \"site\"", [.plain, .login], true),
            ("role = \"submission\"\nauth = { authenticator = \"site\", require = true }", [.plain, .login], true),
            ("auth = { authenticator = \"site\", require = true }", [.plain, .login], true),
        ] as [(String, [Settings.Authentication.Mechanism], Bool)])
    func demandsFollowTheRole(
        _ keys: String, _ mechanisms: [Settings.Authentication.Mechanism], _ isRequired: Bool
    ) throws {
        let text = "\(Self.mx)tls = \"a\"\n\(keys)\(Self.site)\(Self.set)"
        let authentication = try read(text).settings.listeners[0].authentication
        #expect(authentication.mechanisms == mechanisms && authentication.isRequired == isRequired)
    }

    @Test func isReadFromEveryPlace() throws {
        let text = "\(relay)listen = [\"127.0.0.1:25\"]\n[listener_defaults]\nauth.before_tls = true\(Self.site)"
        let loaded = try read(
            text,
            environment: [
                "MAILRACE_LISTENER__MX__DEPTH": "envelope", "MAILRACE_LISTENER__MX__AUTH__AUTHENTICATOR": "site",
                "MAILRACE_LISTENER__MX__CAPABILITIES": "PIPELINING,size 1000",
            ],
            options: ["listener.mx.auth.mechanisms=login,cram-md5", "authenticator.site.type=http"])
        let listener = loaded.settings.listeners[0]
        #expect(listener.capabilities == ["PIPELINING", "SIZE 1000"])
        #expect(listener.authentication.isAllowedBeforeTLS && listener.authentication.authenticator == "site")
        #expect(listener.authentication.mechanisms == [.login, .cramMD5])
    }

    @Test func whatWasPrintedIsReadAsTheSame() throws {
        let text = """
            \(Self.mx)greeting = "ESMTP \\"x\\""
            greeting_teaser = "one moment"
            greeting_delay = "5s"
            capabilities = ["SIZE 1000"]
            max_messages_per_address = "20/1m"
            xclient_trusted = ["10.0.0.0/8"]
            tls = "a"
            auth = { authenticator = "site", mechanisms = ["PLAIN", "NONE"] }
            [listener.b]
            listen = ["127.0.0.1:26"]
            upstream = "backend"
            [upstream.c]
            servers = ["127.0.0.3"]
            helo = "client"
            xclient = "off"
            xclient_refused = "continue"
            auth = "session"
            [authenticator.site]
            type = "http"
            url = ["https://auth.example.com/a?b=c", "unix:/run/x:/auth", "127.0.0.1:80", "http://[::1]:8080"]
            headers = { X-Auth-Key = "a\\"b", "a.b" = "" }
            tls_ca = "/ca"
            [authenticator.users]
            type = "file"
            file = "/users"
            [authenticator.other]
            type = "dovecot"
            socket = "/run/dovecot/auth-client"
            timeout = "10s"
            [authenticator.staff]
            type = "pam"
            service = "smtp"
            [authenticator.relayed]
            type = "upstream"
            [authenticator.own]
            type = "program"\(Self.set)
            """
        let loaded = try read(text)
        let printed = loaded.printed()
        // What may be a secret is not shown.
        let shown = printed.replacing(
            #"{ X-Auth-Key = "(hidden)", "a.b" = "(hidden)" }"#, with: #"{ X-Auth-Key = "a\"b", "a.b" = "" }"#
        ).replacing("/a?(hidden)", with: "/a?b=c")
        #expect(try read(shown).settings == loaded.settings)
        #expect(loaded.warnings.map(\.description) == [])
        #expect(loaded.settings.authenticators.map(\.name) == ["site", "users", "other", "staff", "relayed", "own"])
        #expect(loaded.settings.authenticators[0].headers.map(\.name) == ["X-Auth-Key", "a.b"])
        for line in [
            "[listener.mx.auth]", "[authenticator.site]",
            "headers = { X-Auth-Key = \"(hidden)\", \"a.b\" = \"(hidden)\" }",
        ] {
            #expect(printed.split(separator: "\n").contains { $0.hasPrefix(line) }, "\(line)")
        }
    }

    static let mistakes = [
        Case(
            "authentication at tunnel depth",
            "\(relay)listen = [\"127.0.0.1:25\"]\n[listener.mx.auth]\nauthenticator = \"site\"\(site)",
            "m.toml:6:1: listener.mx.auth: at tunnel depth the upstream authenticates clients; expected depth ="
                + " \"envelope\""),
        Case("failures alone", "\(relay)listen = [\"127.0.0.1:25\"]\nauth.max_failures = 5"),
        Case(
            "no such authenticator", "\(mx)tls = \"a\"\nauth.authenticator = \"sote\"\(site)\(set)",
            "m.toml:8:22: listener.mx.auth.authenticator: there is no [authenticator.sote]; did you mean site?"),
        Case(
            "mechanisms of nobody", "\(mx)auth.mechanisms = [\"PLAIN\"]\nauth.before_tls = true",
            "m.toml:7:19: listener.mx.auth.mechanisms: nobody decides who a client is; name an authenticator with"
                + " auth.authenticator"),
        Case(
            "more of nobody", "\(mx)auth.always_accept_plain_login = true",
            "m.toml:7:34: listener.mx.auth.always_accept_plain_login: nobody decides who a client is; name an"
                + " authenticator with auth.authenticator"),
        Case(
            "submission without an authenticator", "\(mx)role = \"submission\"",
            "m.toml:7:8: listener.mx.role: nobody decides who a client is; name an authenticator with"
                + " auth.authenticator"),
        Case(
            "a name that is none, once", "\(mx)auth.authenticator = \"a b\"\nauth.require = true",
            "m.toml:7:22: listener.mx.auth.authenticator: \"a b\" is not a name; expected 1 to 64 letters, digits, - and"
                + " _"),
        Case(
            "submission without AUTH",
            "\(mx)role = \"submission\"\ntls = \"a\"\nauth = { authenticator = \"site\", require = false }\(site)\(set)",
            "m.toml:9:44: listener.mx.auth.require: role = \"submission\" demands AUTH at envelope depth; expected true, or"
                + " role = \"smtp\""),
        Case(
            "demanded and not",
            "\(mx)tls = \"a\"\nauth = { authenticator = \"site\", require = true, mechanisms = [\"PLAIN\", \"NONE\"] }\(site)\(set)",
            "m.toml:8:63: listener.mx.auth.mechanisms: \"NONE\" is for clients that do not authenticate, and here they"
                + " must"),
        Case(
            "demanded and impossible",
            "\(mx)tls = \"a\"\nauth = { authenticator = \"site\", require = true, mechanisms = [] }\(site)\(set)",
            "m.toml:8:63: listener.mx.auth.mechanisms: clients must authenticate, and there is no way to"),
        Case(
            "no TLS to authenticate in", "\(mx)auth.authenticator = \"site\"\(site)",
            "m.toml:7:1: listener.mx.auth: clients authenticate inside TLS, and there is none here; name a TLS set with"
                + " the key tls, or say auth.before_tls = true"),
        Case(
            "no TLS and nobody to authenticate",
            "\(mx)auth = { authenticator = \"site\", mechanisms = [\"none\"] }\(site)"),
        Case(
            "mechanisms that nobody knows", "\(mx)auth.mechanisms = [\"gssapi\"]",
            "m.toml:7:20: listener.mx.auth.mechanisms: \"gssapi\" is not one of \"PLAIN\", \"LOGIN\", \"CRAM-MD5\","
                + " \"EXTERNAL\", \"XOAUTH2\", \"OAUTHBEARER\", \"NONE\""),
        Case(
            "certificates that nobody asks for",
            "\(mx)tls = \"a\"\nauth = { authenticator = \"site\", mechanisms = [\"EXTERNAL\"] }\(site)\(set)",
            "m.toml:8:48: listener.mx.auth.mechanisms: \"EXTERNAL\" needs clients with certificates; expected a TLS set with"
                + " client_certificates = \"request\" or \"require\""),
        Case(
            "mechanisms that a file cannot do",
            "\(mx)tls = \"a\"\nauth = { authenticator = \"site\", mechanisms = ["
                + "\"XOAUTH2\", \"NONE\", \"PLAIN\", \"plain\"] }\n"
                + "[authenticator.site]\ntype = \"file\"\nfile = \"/users\"\(set)",
            "m.toml:8:48: listener.mx.auth.mechanisms: \"XOAUTH2\" brings a token, of which a file knows nothing",
            "m.toml:8:59: listener.mx.auth.mechanisms: \"NONE\" is for an authenticator of the type \"http\"",
            "m.toml:8:76: listener.mx.auth.mechanisms: \"PLAIN\" is in the list already"),
        Case(
            "mechanisms that show no password",
            "\(mx)tls = \"a\"\nauth = { authenticator = \"site\", mechanisms = [\"LOGIN\","
                + " \"CRAM-MD5\", \"EXTERNAL\", \"XOAUTH2\", \"NONE\"] }\n"
                + "[authenticator.site]\ntype = \"pam\"\(asked)",
            "m.toml:8:57: listener.mx.auth.mechanisms: \"CRAM-MD5\" does not show the password, which PAM must see",
            "m.toml:8:69: listener.mx.auth.mechanisms: \"EXTERNAL\" shows a certificate, of which PAM knows nothing",
            "m.toml:8:81: listener.mx.auth.mechanisms: \"XOAUTH2\" brings a token, of which PAM knows nothing",
            "m.toml:8:92: listener.mx.auth.mechanisms: \"NONE\" is for an authenticator of the type \"http\""),
        Case(
            "mechanisms that an upstream cannot be shown",
            "\(mx)tls = \"a\"\nauth = { authenticator = \"site\", mechanisms = [\"CRAM-MD5\", \"EXTERNAL\", \"NONE\"] }\n"
                + "[authenticator.site]\ntype = \"upstream\"\(set)",
            "m.toml:8:48: listener.mx.auth.mechanisms: \"CRAM-MD5\" answers a challenge, which would have to be the"
                + " upstream's",
            "m.toml:8:60: listener.mx.auth.mechanisms: \"EXTERNAL\" shows a certificate, which nobody can show to the"
                + " upstream in the client's place",
            "m.toml:8:72: listener.mx.auth.mechanisms: \"NONE\" is for an authenticator of the type \"http\""),
        Case(
            "credentials of nobody", "\(mx)[upstream.b]\nservers = [\"192.0.2.1\"]\nauth = \"own\"",
            "m.toml:9:8: upstream.b.auth: \"own\" needs auth_password_file or auth_token_file",
            "m.toml:9:8: upstream.b.auth: \"own\" needs auth_user"),
        Case(
            "credentials of two kinds",
            "\(mx)[upstream.b]\nservers = [\"192.0.2.1\"]\nauth = \"own\"\nauth_user = \"a\\nb\"\n"
                + "auth_password_file = \"/a\"\nauth_token_file = \"/b\"",
            "m.toml:9:8: upstream.b.auth: \"own\" takes a password or a token, and both are given",
            "m.toml:10:13: upstream.b.auth_user: a control character is not allowed here"),
        Case(
            "certificates are asked for",
            "\(mx)tls = \"a\"\nauth = { authenticator = \"site\", mechanisms = [\"EXTERNAL\"] }\(site)\(asked)"),
        Case(
            "lines of EHLO",
            "\(mx)capabilities = [\"STARTTLS\", \"auth PLAIN\", \"-X\", \"SIZE  1\", \"SIZE \", \"size å\", \"8BITMIME\"]",
            "m.toml:7:17: listener.mx.capabilities: \"STARTTLS\" is listed by itself where it can be used; starttls says"
                + " where",
            "m.toml:7:29: listener.mx.capabilities: \"auth PLAIN\" is listed by itself where it can be used;"
                + " auth.mechanisms says where",
            "m.toml:7:43: listener.mx.capabilities: \"-X\" is not a line of EHLO; expected a keyword, and parameters with"
                + " one space before each, as in \"SIZE 26214400\"",
            "m.toml:7:49: listener.mx.capabilities: \"SIZE  1\" is not a line of EHLO; expected a keyword, and parameters"
                + " with one space before each, as in \"SIZE 26214400\"",
            "m.toml:7:60: listener.mx.capabilities: \"SIZE \" is not a line of EHLO; expected a keyword, and parameters with"
                + " one space before each, as in \"SIZE 26214400\"",
            "m.toml:7:69: listener.mx.capabilities: \"size å\" is not a line of EHLO; expected a keyword, and parameters"
                + " with one space before each, as in \"SIZE 26214400\""),
        Case(
            "texts and budgets",
            "\(mx)greeting = \"a\\nb\"\ngreeting_delay = \"61s\"\nmax_errors = 0\nmax_commands = 0",
            "m.toml:7:12: listener.mx.greeting: \"a\\nb\" is not fit for a reply; expected at most 200 characters of"
                + " printable US-ASCII",
            "m.toml:8:18: listener.mx.greeting_delay: \"61s\" is out of range; expected a duration from 0s to 1m",
            "m.toml:9:14: listener.mx.max_errors: 0 is out of range; expected an integer from 1 to 1000000",
            "m.toml:10:16: listener.mx.max_commands: 0 is out of range; expected an integer from 1 to 1000000"),
        Case(
            "authenticators without what they need",
            "\(mx)[authenticator.a]\n[authenticator.b]\ntype = \"http\"\n[authenticator.c]\ntype = \"file\"\n"
                + "[authenticator.d]\ntype = \"dovecot\"\n[authenticator.e]\ntype = \"sql\"\n"
                + "[authenticator.f]\ntype = \"pam\"",
            "m.toml:7:16: authenticator.a: the key type is missing",
            "m.toml:8:16: authenticator.b: the key url is missing; the type \"http\" needs it",
            "m.toml:10:16: authenticator.c: the key file is missing; the type \"file\" needs it",
            "m.toml:12:16: authenticator.d: the key socket is missing; the type \"dovecot\" needs it",
            "m.toml:15:8: authenticator.e.type: \"sql\" is not available in this version; expected one of \"http\","
                + " \"file\", \"dovecot\", \"pam\", \"upstream\", \"program\""),
        Case(
            "keys of another type",
            "\(mx)[authenticator.c]\ntype = \"file\"\nfile = \"/users\"\nurl = \"http://127.0.0.1/\"\nsocket = \"/run/x\"\n"
                + "needs_server = false\nservice = \"x\"\n[authenticator.d]\ntype = \"pam\"\nservice = \"a b\"",
            "m.toml:10:1: authenticator.c.url: is for the type \"http\", and the type is \"file\"",
            "m.toml:11:1: authenticator.c.socket: is for the type \"dovecot\", and the type is \"file\"",
            "m.toml:12:1: authenticator.c.needs_server: is for the type \"http\", and the type is \"file\"",
            "m.toml:13:1: authenticator.c.service: is for the type \"pam\", and the type is \"file\"",
            "m.toml:16:11: authenticator.d.service: \"a b\" is not a name; expected 1 to 64 letters, digits, - and _"),
        Case(
            "URLs",
            "\(mx)[authenticator.b]\ntype = \"http\"\nurl = [\"ftp://a/\", \"http://u:p@a/\", \"http://a:0/\","
                + " \"unix:x\", \"unix:/x:y\", \"a b\", \"https://unix:/x\", \"http://a/#b\", \"a\"]",
            "m.toml:9:8: authenticator.b.url: \"ftp://a/\": \"ftp:\" is no server; expected one as in \"127.0.0.1:9000\" or"
                + " \"auth.example.com\"",
            "m.toml:9:20: authenticator.b.url: a user is not taken in a URL; a header can tell a key",
            "m.toml:9:37: authenticator.b.url: \"http://a:0/\": \"a:0\" is no server; expected one as in"
                + " \"127.0.0.1:9000\" or \"auth.example.com\"",
            "m.toml:9:52: authenticator.b.url: \"unix:x\": the path of a socket begins with / (a file) or @ (a name of the"
                + " kernel's)",
            "m.toml:9:62: authenticator.b.url: \"unix:/x:y\": what stands behind the socket begins with /, as in"
                + " \"unix:/run/x.sock:/auth\"",
            "m.toml:9:75: authenticator.b.url: \"a b\" is not a URL; expected one as in \"http://127.0.0.1:9000/auth\"",
            "m.toml:9:82: authenticator.b.url: \"https://unix:/x\": \"unix:\" is no server; expected one as in"
                + " \"127.0.0.1:9000\" or \"auth.example.com\"",
            "m.toml:9:101: authenticator.b.url: \"http://a/#b\" is not a URL; expected one as in"
                + " \"http://127.0.0.1:9000/auth\""),
        Case(
            "one URL twice", "\(mx)[authenticator.b]\ntype = \"http\"\nurl = [\"a\", \"a\"]",
            "m.toml:9:13: authenticator.b.url: a is in the list already"),
        Case(
            "one URL with a key twice", "\(mx)[authenticator.b]\ntype = \"http\"\nurl = [\"a/?k=v\", \"a/?k=v\"]",
            "m.toml:9:18: authenticator.b.url: a/ is in the list already"),
        Case(
            "headers that say what a request is",
            "\(mx)[authenticator.b]\ntype = \"http\"\nurl = \"a\"\nheaders = { Host = \"a\", Content-length = \"1\" }",
            "m.toml:10:13: authenticator.b.headers.Host: the field Host is for Mailrace itself to send",
            "m.toml:10:25: authenticator.b.headers.Content-length: the field Content-length is for Mailrace itself to send"
        ),
        Case(
            "headers",
            "\(mx)[authenticator.b]\ntype = \"http\"\nurl = \"a\"\nheaders = { \"a b\" = \"c\", d = 1, e = \"\\n\" }\n"
                + "[authenticator.c]\ntype = \"http\"\nurl = \"a\"\nheaders = [\"x\"]",
            "m.toml:10:13: authenticator.b.headers.\"a b\": \"a b\" is not the name of a field of HTTP",
            "m.toml:10:30: authenticator.b.headers.d: expected a string, found the integer 1",
            "m.toml:10:37: authenticator.b.headers.e: a control character is not allowed here",
            "m.toml:14:11: authenticator.c.headers: expected a table of names and strings, as in { X-Auth-Key = \"...\" },"
                + " found a list"),
    ]

    @Test(arguments: mistakes) func isReported(_ one: Case) {
        #expect(problems(one.text) == one.problems)
    }

    static let doubts = [
        Case(
            "what is for another depth",
            "\(relay)listen = [\"127.0.0.1:25\"]\nmax_errors = 5\ngreeting = \"x\"\n[listener_defaults]\nmax_commands = 5",
            "m.toml:6:14: listener.mx.max_errors: has no effect at tunnel depth",
            "m.toml:7:12: listener.mx.greeting: has no effect at tunnel depth"),
        Case(
            "what is for the tunnel", "\(mx)tls = \"a\"\ndial = \"starttls\"\nehlo_before_tls = \"strip\"\(set)",
            "m.toml:8:8: listener.mx.dial: has no effect at envelope depth",
            "m.toml:9:19: listener.mx.ehlo_before_tls: has no effect at envelope depth"),
        Case(
            "a teaser without its play", "\(mx)greeting_teaser = \"wait\"",
            "m.toml:7:19: listener.mx.greeting_teaser: is never sent, for greeting_delay is \"0s\""),
        Case(
            "passwords in the open",
            "\(relay)listen = [\"192.0.2.1:25\"]\ndepth = \"envelope\"\nauth = { authenticator = \"site\", before_tls = true }"
                + "\(site)",
            "m.toml:5:11: listener.mx.listen: 192.0.2.1:25 is open to others, and upstream.backend hears whose mail it is"
                + " only where it offers XCLIENT: else it must not trust Mailrace's address",
            "m.toml:7:47: listener.mx.auth.before_tls: passwords can be read on their way"),
        Case(
            "passwords in the open behind Mailrace",
            "\(mx)[upstream.a]\nservers = [\"192.0.2.1\", \"localhost\", \"unix:/x\", \"[::1]\", \"a.example\"]\n"
                + "auth = \"session\"\ntls = \"off\"\n[upstream.b]\nservers = [\"a.example\"]\nauth = \"session\"\n"
                + "[upstream.c]\nservers = [\"a.example\"]\nauth = \"session\"\ntls = \"required\"",
            "m.toml:8:12: upstream.a.servers: passwords go to 192.0.2.1:25 in the clear; tls = \"required\" keeps them",
            "m.toml:8:58: upstream.a.servers: passwords go to a.example:25 in the clear; tls = \"required\" keeps them",
            "m.toml:12:12: upstream.b.servers: passwords may go to a.example:25 in the clear; tls = \"required\" keeps"
                + " them"),
        Case(
            "passwords for an upstream that decides",
            "[listener.mx]\nlisten = [\"127.0.0.1:25\"]\ndepth = \"envelope\"\nupstream = \"a\"\n"
                + "auth = { authenticator = \"u\", before_tls = true }\n[authenticator.u]\ntype = \"upstream\"\n"
                + "[upstream.a]\nservers = [\"192.0.2.1\"]\ntls = \"off\"",
            "m.toml:9:12: upstream.a.servers: passwords go to 192.0.2.1:25 in the clear; tls = \"required\" keeps them"),
        Case(
            "others, whose mail becomes Mailrace's own",
            "[listener.mx]\nlisten = [\"192.0.2.1:25\"]\ndepth = \"envelope\"\nupstream = \"a\"\n"
                + "[upstream.a]\nservers = [\"127.0.0.1\"]\nauth = \"own\"\nauth_user = \"u\"\n"
                + "auth_password_file = \"/p\"\nproxy_protocol = \"v1\"",
            "m.toml:2:11: listener.mx.listen: 192.0.2.1:25 is open to others, and upstream.a takes what they send for"
                + " Mailrace's: it must not relay for that user; auth.require = true demands that they authenticate"),
        Case(
            "others, about whom the authenticator is asked",
            "\(relay)listen = [\"192.0.2.1:25\"]\ndepth = \"envelope\"\n"
                + "auth = { authenticator = \"site\", mechanisms = [\"NONE\"] }\(site)"),
        Case(
            "everybody is whom they like", "\(mx)xclient_trusted = [\"0.0.0.0/0\"]",
            "m.toml:7:20: listener.mx.xclient_trusted: 0.0.0.0/0 lets anyone say which client it is; name the servers"),
        Case(
            "an upstream that is not told",
            "\(relay)listen = [\"192.0.2.1:25\"]\ndepth = \"envelope\"\n[listener.b]\nlisten = [\"192.0.2.1:26\"]\n"
                + "upstream = \"b\"\ndepth = \"envelope\"\n[upstream.b]\nservers = [\"127.0.0.2\"]\nxclient = \"off\"",
            "m.toml:5:11: listener.mx.listen: 192.0.2.1:25 is open to others, and upstream.backend hears whose mail it is"
                + " only where it offers XCLIENT: else it must not trust Mailrace's address",
            "m.toml:8:11: listener.b.listen: 192.0.2.1:26 is open to others, and upstream.b sees Mailrace's address in place"
                + " of theirs: it must not trust that address"),
        Case(
            "credentials that nobody shows",
            "\(mx)[upstream.b]\nservers = [\"192.0.2.1\"]\nauth_user = \"joe\"\nauth_password_file = \"/a\"",
            "m.toml:9:13: upstream.b.auth_user: has no effect, for auth is \"off\"",
            "m.toml:10:22: upstream.b.auth_password_file: has no effect, for auth is \"off\""),
        Case(
            "servers that anybody can play",
            "\(mx)[authenticator.b]\ntype = \"http\"\nurl = [\"http://192.0.2.1/?key=1\", \"https://192.0.2.1/\", \"HTTPS://a\","
                + " \"http://[::1]/\", \"localhost\", \"a\", \"unix:/x\"]\ntls_verify = false",
            "m.toml:9:8: authenticator.b.url: passwords go to http://192.0.2.1/ in the clear; https keeps them",
            "m.toml:9:100: authenticator.b.url: passwords go to a in the clear; https keeps them",
            "m.toml:10:14: authenticator.b.tls_verify: anybody on the way can answer in place of the server"),
    ]

    @Test(arguments: doubts) func isWarnedOf(_ one: Case) throws {
        let warnings = try read(one.text).warnings.map(\.description)
        #expect(warnings == one.problems)
    }
}
