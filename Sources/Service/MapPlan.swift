import Lookup
import Policy
import Settings
import Wire

/// A map of the configuration, in the terms of those who look things up.
struct MapPlan: Sendable {
    let settings: Settings.Map
    /// What its password file says.
    private let password: [UInt8]?
    let kind: Kind

    enum Kind: Sendable {
        case csv(CSVStore)
        case http(HTTPMapSettings, HTTPConfiguration)
        /// Connections of the whole process.
        case sql(SQLPool)
        case redis(RedisServer)
    }

    init(_ settings: Settings.Map, password: [UInt8]?, _ kind: Kind) {
        self.settings = settings
        self.password = password
        self.kind = kind
    }

    /// The file of routes; nil where it has none.
    var store: CSVStore? {
        if case .csv(let store) = kind { store } else { nil }
    }

    /// Whether it was made from the same.
    func isSame(_ settings: Settings.Map, password: [UInt8]?) -> Bool {
        self.settings == settings && self.password == password
    }

    func isSame(as other: MapPlan) -> Bool { isSame(other.settings, password: other.password) }

    /// How long answers are remembered; nil: they are not.
    var memory: CachedMap.Rules? {
        let times = [settings.cacheTTL, settings.cacheMissesTTL, settings.staleTTL]
        guard settings.type != .csv, times.contains(where: { $0 > .zero }) else { return nil }
        return CachedMap.Rules(
            timeToLive: settings.cacheTTL, missesTimeToLive: settings.cacheMissesTTL, staleTime: settings.staleTTL,
            entriesMax: settings.cacheEntries)
    }
}

extension LoadedSettings {
    /// - Parameter former: what is in force: files that two plans share are read once, and connections stay.
    func mapPlan(of map: Settings.Map, after former: [MapPlan]) -> MapPlan {
        let password = mapFiles.first { $0.name == map.name }?.passwordBytes
        let known = former.first { $0.isSame(map, password: password) }?.kind
        return MapPlan(map, password: password, kind(of: map, password, former, known))
    }

    private func kind(
        of map: Settings.Map, _ password: [UInt8]?, _ former: [MapPlan], _ known: MapPlan.Kind?
    ) -> MapPlan.Kind {
        switch map.type {
        case .csv:
            let rules = CSVRules(map, upstreams: settings.upstreams.map(\.name))
            let store = former.compactMap(\.store).first { $0.path == map.file && $0.rules == rules }
            return .csv(store ?? CSVStore(map.file, rules))
        case .http: return .http(HTTPMapSettings(map, settings), HTTPConfiguration(map))
        case .redis: return .redis(RedisServer(map, password.map(Secret.init(copying:))))
        case .sqlite, .mysql, .postgresql:
            if case .sql(let pool) = known { return .sql(pool) }
            let source = SQLSource(map, password.map(Secret.init(copying:)))
            let limits = SQLPool.Limits(connectionsMax: map.maxConnections, timeout: map.timeout)
            return .sql(SQLPool(source, asking: map.query, limits))
        }
    }
}

extension SQLSource {
    fileprivate init(_ map: Settings.Map, _ password: Secret?) {
        switch map.type {
        case .mysql: self = .mariaDB(SQLServer(map, password, standardPort: 3_306))
        case .postgresql: self = .postgreSQL(SQLServer(map, password, standardPort: 5_432))
        case .sqlite, .csv, .redis, .http: self = .sqlite(map.file)
        }
    }
}

extension SQLServer {
    fileprivate init(_ map: Settings.Map, _ password: Secret?, standardPort: UInt16) {
        let port = map.port == 0 ? standardPort : UInt16(map.port)
        let place: Place
        if !map.connection.isEmpty {
            place = .words(map.connection)
        } else if !map.socket.isEmpty {
            place = .socket(map.socket, port: port)
        } else {
            place = .host(map.host, port: port)
        }
        self.init(
            at: place, user: map.user, password: password, database: map.database,
            tlsCA: map.tlsCA.isEmpty ? nil : map.tlsCA)
    }
}

extension RedisServer {
    fileprivate init(_ map: Settings.Map, _ password: Secret?) {
        guard let server = map.server else { preconditionFailure("the settings took a map without its server") }
        self.init(
            at: ServerAddress(server), user: map.user.isEmpty ? nil : map.user, password: password,
            database: Int(map.database) ?? 0)
    }
}

extension CSVRules {
    fileprivate init(_ map: Settings.Map, upstreams: [String]) {
        self.init(
            subject: map.keys.first.map { MapKey.Kind($0).subject } ?? .recipient,
            foldsLocalParts: map.foldsLocalParts, upstreams: Set(upstreams),
            namesUpstreamsAlone: map.upstreamSettings == nil)
    }
}

extension HTTPMapSettings {
    fileprivate init(_ map: Settings.Map, _ settings: Settings) {
        guard let url = map.url.flatMap({ HTTPMapURL($0.text) }) else {
            preconditionFailure("a URL that the settings took is none")
        }
        self.init(name: map.name, url: url, upstreams: Set(settings.upstreams.map(\.name)))
        timeout = map.timeout
        fields = map.headers.map { ($0.name, $0.value) }
    }
}

extension HTTPConfiguration {
    fileprivate init(_ map: Settings.Map) {
        self.init()
        connectTimeout = map.connectTimeout
        authoritiesFile = map.tlsCA.isEmpty ? nil : map.tlsCA
        verifies = map.verifiesTLS
    }
}

extension MapKeys {
    init(_ map: Settings.Map, delimiter: UInt8?) {
        self.init(map.keys.map(MapKey.Kind.init), delimiter: delimiter, foldsLocalParts: map.foldsLocalParts)
    }
}

extension MapKey.Kind {
    init(_ kind: Settings.MapKeyKind) {
        guard let known = Self(rawValue: kind.rawValue) else {
            preconditionFailure("a kind of keys that nobody asks for")
        }
        self = known
    }
}
