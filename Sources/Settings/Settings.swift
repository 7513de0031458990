import Glibc

/// The configuration of a Mailrace: one value, complete and checked. What is not configured has its default.
///
/// The properties are named after the keys of mailrace.toml; `SettingsKey.all` describes those.
public struct Settings: Sendable, Equatable {
    public internal(set) var hostname = HostName.ofThisMachine
    public internal(set) var runtime = Runtime()
    public internal(set) var timeouts = Timeouts()
    public internal(set) var log = Log()
    public internal(set) var dns = DNS()
    public internal(set) var admin = Admin()
    /// The named TLS sets, in the order of the file; so with all that has names.
    public internal(set) var tls: [TLS] = []
    public internal(set) var listeners: [Listener] = []
    public internal(set) var upstreams: [Upstream] = []
    public internal(set) var authenticators: [Authenticator] = []
    public internal(set) var maps: [Map] = []

    init() {}

    /// The set of certificates that a listener refers to.
    public func tls(named name: String) -> TLS? {
        tls.first { $0.name == name }
    }

    /// The upstream that a listener refers to.
    public func upstream(named name: String) -> Upstream? {
        upstreams.first { $0.name == name }
    }

    /// The authenticator that a listener refers to.
    public func authenticator(named name: String) -> Authenticator? {
        authenticators.first { $0.name == name }
    }

    /// The map that a route refers to.
    public func map(named name: String) -> Map? {
        maps.first { $0.name == name }
    }
}

extension Settings: Section {
    static let fields: [Field<Settings>] = [
        .value(
            "hostname", \.hostname, .hostName, fallback: "this host's name",
            "The name of this host, in the replies that are Mailrace's own"),
        .table("runtime", \.runtime),
        .table("timeouts", \.timeouts),
        .table("log", \.log),
        .table("dns", \.dns),
        .table("admin", \.admin),
        .tables("tls", \.tls),
        .defaults("listener_defaults", of: Listener.self),
        .tables("listener", \.listeners),
        .tables("upstream", \.upstreams),
        .tables("authenticator", \.authenticators),
        .tables("map", \.maps),
    ]

    static let later = ["delivery", "state"]
}

extension HostName {
    /// What the kernel calls this machine; `localhost` where that is no name for a greeting.
    static var ofThisMachine: String {
        var name = [CChar](repeating: 0, count: Int(HOST_NAME_MAX) + 1)
        let result = gethostname(&name, name.count - 1)
        let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return result == 0 && isValid(text) ? text : "localhost"
    }
}
