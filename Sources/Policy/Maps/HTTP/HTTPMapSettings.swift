/// How a map of the type `http` asks.
public struct HTTPMapSettings: Sendable {
    /// From the configuration.
    public var name: String
    /// Where to ask.
    public var url: HTTPMapURL
    /// For an answer.
    public var timeout = Duration.seconds(5)
    /// Sent behind Mailrace's own, in order.
    public var fields: [(name: String, value: String)] = []
    /// The upstreams that an answer may name.
    public var upstreams: Set<String>

    public init(name: String, url: HTTPMapURL, upstreams: Set<String>) {
        self.name = name
        self.url = url
        self.upstreams = upstreams
    }
}
