extension Settings {
    /// `[map.NAME]`: who knows which recipients go where.
    public struct Map: Sendable, Equatable {
        public internal(set) var name = ""
        public internal(set) var type = MapType.csv
        /// The name of the upstream whose settings hold for servers that the map names; nil: it names upstreams.
        public internal(set) var upstreamSettings: String?
        /// What it is asked for, in this order.
        public internal(set) var keys: [MapKeyKind] = [.address, .addressWithoutDetail, .domain]
        /// Whether the case of letters in local parts and logins makes no difference.
        public internal(set) var foldsLocalParts = false
        /// `csv`, `sqlite`: the name of the file.
        public internal(set) var file = ""
        /// `http`: where to ask.
        public internal(set) var url: ServerURL?
        /// `http`: sent with each request, in this order.
        public internal(set) var headers: [Authenticator.Header] = []
        /// `http`: how long the server may take to accept a connection.
        public internal(set) var connectTimeout: Duration = .seconds(5)
        /// `http`, `mysql`: the file with the authorities that vouch for the server; empty is the system's, or nobody.
        public internal(set) var tlsCA = ""
        /// `http`: whether the certificate of the server is verified.
        public internal(set) var verifiesTLS = true
        /// `postgresql`: a connection string, in place of what follows.
        public internal(set) var connection = ""
        /// `mysql`, `postgresql`
        public internal(set) var host = ""
        /// `mysql`, `postgresql`: 0 is the standard one.
        public internal(set) var port = 0
        /// `mysql`, `postgresql`: a Unix socket, or the folder where it is, in place of a host.
        public internal(set) var socket = ""
        /// `redis`
        public internal(set) var server: ServerAddress?
        /// `mysql`, `postgresql`, `redis`
        public internal(set) var user = ""
        /// The same: the name of the file whose first line is the password.
        public internal(set) var passwordFile = ""
        /// The same: a name, or with `redis` a number.
        public internal(set) var database = ""
        /// The kinds of SQL: a statement with one `?`, which stands for the key.
        public internal(set) var query = ""
        /// The kinds of SQL: of the whole process.
        public internal(set) var maxConnections = 4
        /// `redis`: what stands before each key.
        public internal(set) var prefix = ""
        /// How long an answer may take.
        public internal(set) var timeout: Duration = .seconds(5)
        /// How long an answer is used again; zero: it is not.
        public internal(set) var cacheTTL: Duration = .zero
        /// How long it is used again that there is no such key.
        public internal(set) var cacheMissesTTL: Duration = .zero
        /// Of each shard.
        public internal(set) var cacheEntries = 10_000
        /// How long an answer is used beyond its time while nobody answers anew.
        public internal(set) var staleTTL: Duration = .zero

        init() {}
    }

    public enum MapType: String, Sendable, CaseIterable {
        /// Lines of text.
        case csv
        case sqlite
        /// Also of MariaDB.
        case mysql
        case postgresql
        case redis
        /// A server of HTTP that answers with JSON.
        case http
    }

    /// What a map is asked for.
    public enum MapKeyKind: String, Sendable, CaseIterable {
        case address
        case addressWithoutDetail = "address-without-detail"
        case domain
        case parentDomain = "parent-domain"
        case wildcard
        case sender
        case senderDomain = "sender-domain"
        case login
        case client

        /// Whom it is about.
        var subject: String {
            switch self {
            case .address, .addressWithoutDetail, .domain, .parentDomain, .wildcard: "recipients"
            case .sender, .senderDomain: "senders"
            case .login: "logins"
            case .client: "clients"
            }
        }

        /// Whether it takes MAIL and RCPT to know it.
        var isOfTransaction: Bool { subject == "recipients" || subject == "senders" }
    }
}

extension Settings.Map: NamedSection {
    static let fields: [Field<Self>] = question + files + http + databases + caching

    private static let question: [Field<Self>] = [
        .value("type", \.type, .choice(), required: true, "What it is: a file, a database, or a server of HTTP"),
        .value(
            "upstream_settings", \.upstreamSettings, .optionalName,
            "The upstream whose settings hold for servers that the map names; without it the map names upstreams"
                + " alone"),
        .value(
            "keys", \.keys, .list(of: .choice(), named: "kinds of keys, as in [\"address\", \"domain\"]"),
            "What it is asked for, in this order, until it knows something; all about recipients, senders, logins or"
                + " clients"),
        .value(
            "fold_local_part", \.foldsLocalParts, .boolean,
            "Whether the case of letters in local parts and logins makes no difference; in domains it never does"),
        .value(
            "timeout", \.timeout, .duration(.milliseconds(1) ... .seconds(30)),
            "All but csv: how long an answer may take"),
    ]

    private static let files: [Field<Self>] = [
        .value(
            "file", \.file, .path(optional: true), fallback: "none; required with csv and sqlite",
            "csv, sqlite: the name of the file")
    ]

    private static let http: [Field<Self>] = [
        .value(
            "url", \.url, .optionalServerURL, fallback: "none; required with http",
            "http: where to ask; {key} in it stands for the key, which else is put behind it"),
        .value("headers", \.headers, .headers, "http: fields that are sent with each request"),
        .value(
            "connect_timeout", \.connectTimeout, .duration(.milliseconds(1) ... .seconds(30)),
            "http: how long the server may take to accept a connection"),
        .value(
            "tls_ca", \.tlsCA, .path(optional: true),
            "http, mysql: the PEM file with the authorities that vouch for the server; empty is the system's, and with"
                + " mysql that there need not be TLS"),
        .value("tls_verify", \.verifiesTLS, .boolean, "http: whether the certificate of the server is verified"),
    ]

    private static let databases: [Field<Self>] = [
        .value(
            "connection", \.connection, .hiddenText("a connection string of libpq, or \"\""),
            "postgresql: a connection string, in place of host, port, socket, user and database"),
        .value("host", \.host, .text("a host, or \"\""), "mysql, postgresql: the database's server"),
        .value("port", \.port, .integer(0...65_535), "mysql, postgresql: its port; 0 is the standard one"),
        .value(
            "socket", \.socket, .path(optional: true),
            "mysql: its Unix socket, in place of a host; postgresql: the folder that holds it"),
        .value(
            "server", \.server, .optionalServerAddress, fallback: "none; required with redis",
            "redis: the server, with its port, or its Unix socket"),
        .value("user", \.user, .text("the name of a user, or \"\""), "mysql, postgresql, redis: who Mailrace is to it"),
        .value(
            "password_file", \.passwordFile, .path(optional: true),
            "mysql, postgresql, redis: the file whose first line is the password"),
        .value(
            "database", \.database, .text("the name of a database, or \"\""),
            "mysql, postgresql: the name of the database; redis: its number"),
        .value(
            "query", \.query, .text("a statement with one ?, or \"\""),
            fallback: "none; required with sqlite, mysql and postgresql",
            "sqlite, mysql, postgresql: the statement that finds the key, which ? stands for; its columns are the"
                + " server and, if it likes, tls_verify"),
        .value(
            "max_connections", \.maxConnections, .integer(1...100),
            "sqlite, mysql, postgresql: connections of the whole process, each with a thread"),
        .value("prefix", \.prefix, .text("text"), "redis: what stands before each key"),
    ]

    private static let cacheRange: ClosedRange<Duration> = .zero ... .seconds(7 * 86_400)

    private static let caching: [Field<Self>] = [
        .value(
            "cache_ttl", \.cacheTTL, .duration(cacheRange),
            "All but csv: how long an answer is used again; 0s is not at all"),
        .value(
            "cache_misses_ttl", \.cacheMissesTTL, .duration(cacheRange),
            "All but csv: how long it is used again that there is no such key; 0s is not at all"),
        .value(
            "cache_entries", \.cacheEntries, .integer(1...10_000_000),
            "All but csv: answers that each shard remembers"),
        .value(
            "stale_ttl", \.staleTTL, .duration(cacheRange),
            "All but csv: how long an answer is used beyond its time while nobody answers anew; 0s is not at all"),
    ]

    /// Of which types a key is; one that is not here is of all.
    static func types(of key: String) -> [Settings.MapType]? {
        switch key {
        case "file": [.csv, .sqlite]
        case "url", "headers", "connect_timeout", "tls_verify": [.http]
        case "tls_ca": [.http, .mysql]
        case "connection": [.postgresql]
        case "host", "port", "socket": [.mysql, .postgresql]
        case "server", "prefix": [.redis]
        case "user", "password_file", "database": [.mysql, .postgresql, .redis]
        case "query", "max_connections": [.sqlite, .mysql, .postgresql]
        case "timeout", "cache_ttl", "cache_misses_ttl", "cache_entries", "stale_ttl":
            Settings.MapType.allCases.filter { $0 != .csv }
        default: nil
        }
    }

    /// The keys that must be there.
    var needed: [String] {
        switch type {
        case .csv: ["file"]
        case .sqlite: ["file", "query"]
        case .mysql, .postgresql: ["query"]
        case .redis: ["server"]
        case .http: ["url"]
        }
    }
}

extension Kind where Value == Settings.ServerURL? {
    static var optionalServerURL: Kind {
        .string("a URL, as in \"http://127.0.0.1:9000/route/{key}\", or \"\"") { text in
            text.isEmpty ? .value(nil) : Settings.ServerURL.parse(text).map(Optional.some)
        } format: { url in
            url?.description ?? ""
        }
    }
}

extension Kind where Value == Settings.ServerAddress? {
    /// One whose port must be given; `""` is none.
    static var optionalServerAddress: Kind {
        .string("a server, as in \"127.0.0.1:6379\", \"redis.internal:6379\" or \"unix:/run/redis.sock\", or \"\"") {
            text in
            if text.isEmpty { return .value(nil) }
            guard text.hasPrefix(Settings.SocketPath.prefix) || EndpointParts(text)?.port != nil else {
                return .refused("\(Quoting.shown(text)) has no port; expected one, as in \"127.0.0.1:6379\"")
            }
            return Settings.ServerAddress.parse(text).map(Optional.some)
        } format: { server in
            server?.description ?? ""
        }
    }
}
