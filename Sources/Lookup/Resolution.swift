/// What a name resolves to.
public struct Resolution: Equatable, Sendable {
    /// 4 (IPv4) or 16 (IPv6) octets each, in network order; at least one. In the order of the answers, whichever family
    /// was answered first.
    public let addresses: [[UInt8]]
    /// How long the addresses may be used without asking again; zero: for this once.
    ///
    /// The least of the records used, aliases included, but a day at most. What no server was asked for (/etc/hosts,
    /// `localhost`, an address in words) has none: it counts as a minute, so that a changed file is noticed.
    public let timeToLive: Duration

    static let timeToLiveLimit = Duration.seconds(86_400)
    static let localTimeToLive = Duration.seconds(60)

    public init(addresses: [[UInt8]], timeToLive: Duration) {
        self.addresses = addresses
        self.timeToLive = timeToLive
    }
}

/// Why there is no address.
public enum ResolutionError: Error, Equatable, Sendable {
    /// No such name (NXDOMAIN).
    case notFound
    /// The name has no address (NODATA).
    case noAddress
    /// No server answered in time, or the caller's deadline has passed.
    case timedOut
    /// The servers cannot be reached, fail (SERVFAIL) or refuse to answer (REFUSED); in words.
    case serverFailed(String)
    /// It cannot be the name of a host.
    case badName
    /// Too many names are being resolved at once.
    case tooManyNames
    /// The resolver was closed.
    case closed
    /// There is no resolver: what it is to be made of does not do.
    case unusable(String)
}

extension ResolutionError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notFound: "no such name"
        case .noAddress: "the name has no address"
        case .timedOut: "the name servers did not answer in time"
        case .serverFailed(let text): "the name servers do not answer: \(text)"
        case .badName: "not the name of a host"
        case .tooManyNames: "too many names are being resolved"
        case .closed: "the resolver was closed"
        case .unusable(let text): "no resolver: \(text)"
        }
    }
}
