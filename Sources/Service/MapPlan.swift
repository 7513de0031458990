import Lookup
import Policy
import Settings

/// A map of the configuration, in the terms of those who look things up.
struct MapPlan: Sendable {
    /// What it was made from: two of the same are the same.
    let settings: Settings.Map
    let kind: Kind

    enum Kind: Sendable {
        case csv(CSVStore)
        case http(HTTPMapSettings, HTTPConfiguration)
    }

    /// The file of routes; nil where it has none.
    var store: CSVStore? {
        if case .csv(let store) = kind { store } else { nil }
    }
}

/// Where the recipients of a listener go.
struct RoutingPlan: Sendable {
    enum Step: Sendable {
        /// The name of an upstream.
        case upstream(String)
        /// The name of a map.
        case map(String)
    }

    /// Empty where there is nothing to decide: all goes to the listener's upstream.
    var steps: [Step] = []
    /// What the detail of a recipient begins with.
    var delimiter: UInt8?

    init(_ listener: Settings.Listener) {
        guard listener.depth == .envelope, !listener.routes.isEmpty else { return }
        steps = listener.routes.compactMap { route in
            route.map.map { .map($0) } ?? route.upstream.map { .upstream($0) }
        }
        if !listener.upstream.isEmpty { steps.append(.upstream(listener.upstream)) }
        delimiter = listener.recipientDelimiter.utf8.first
    }
}

extension LoadedSettings {
    /// - Parameter former: what is in force: files that two plans share are read once.
    func mapPlan(of map: Settings.Map, after former: [MapPlan]) -> MapPlan? {
        switch map.type {
        case .csv:
            let rules = CSVRules(map, upstreams: settings.upstreams.map(\.name))
            let known = former.compactMap(\.store).first { $0.path == map.file && $0.rules == rules }
            return MapPlan(settings: map, kind: .csv(known ?? CSVStore(map.file, rules)))
        case .http:
            let configuration = HTTPConfiguration(map)
            return MapPlan(settings: map, kind: .http(HTTPMapSettings(map, settings), configuration))
        case .sqlite, .mysql, .postgresql, .redis: return nil
        }
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
