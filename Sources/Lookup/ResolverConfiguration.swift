public import Ring

/// Whom a resolver asks, how patiently and how much at once.
public struct ResolverConfiguration: Sendable, Equatable {
    /// IPv4 or IPv6, with the port for both UDP and TCP. Empty: those of /etc/resolv.conf, read once.
    public var servers: [SocketAddress] = []
    /// Of the first try. It doubles with each round through the servers. At least a millisecond.
    public var timeout = Duration.seconds(2)
    /// How often each server is asked; at least once.
    public var tries = 3
    /// Short names are completed by the domains of /etc/resolv.conf.
    public var searchesDomains = true
    /// Names that may be in flight at once. A name whose caller has given up counts until the servers have answered or
    /// their last try is over.
    public var namesInFlightLimit = 1000
    /// Addresses kept of one name; further ones are dropped.
    public var addressesLimit = 32

    public init() {}
}
