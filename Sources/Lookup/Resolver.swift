import CAres
public import Ring

/// Resolves names of hosts by /etc/hosts and the domain name system, without a thread of its own: c-ares' sockets are
/// watched by the ring, its timeouts kept by the ring's timers.
///
/// Not Sendable: one for each shard. It keeps no answers; who asks keeps them for their time to live. It must be closed
/// before it goes. The process must ignore SIGPIPE, as c-ares writes to TCP connections without asking for that.
public final class Resolver {
    private let ring: Ring
    private let configuration: ResolverConfiguration
    private var channel: OpaquePointer?
    private var timer: Timer?
    /// By descriptor.
    private var polls: [Int32: Poll] = [:]
    /// Those somebody waits for.
    private var awaited: [ObjectIdentifier: NameQuery] = [:]
    /// Names the library has not ended yet.
    public private(set) var namesInFlight = 0

    /// - Throws: `unusable` where a server is a Unix socket, or /etc/resolv.conf or memory cannot be had.
    public init(
        _ ring: Ring, _ configuration: ResolverConfiguration = ResolverConfiguration()
    ) throws(ResolutionError) {
        self.ring = ring
        self.configuration = configuration
        channel = try open()
        timer = Timer(ring) { [unowned self] in process(readable: -1, writable: -1) }
    }

    deinit { precondition(channel == nil, "a resolver was dropped without being closed") }

    /// The addresses of `name`, A and AAAA.
    ///
    /// - Parameters:
    ///   - deadline: when the caller has enough; coarse (up to 34 ms late).
    ///   - cancellation: as though the deadline had passed.
    public func addresses(
        of name: String, deadline: Instant, cancellation: Cancellation = Cancellation()
    ) async throws(ResolutionError) -> Resolution {
        guard Self.isName(name) else { throw .badName }
        return try await answer(by: deadline, cancellation) { cares_resolve($0, name, $1) }
    }

    /// The host names of an address, by its PTR records, which nobody has confirmed; as they came, at most as many as
    /// addresses are kept.
    ///
    /// - Parameters:
    ///   - octets: 4 (IPv4) or 16 (IPv6), in network order.
    ///   - deadline: when the caller has enough; coarse.
    func names(of octets: [UInt8], deadline: Instant) async throws(ResolutionError) -> [String] {
        precondition(octets.count == 4 || octets.count == 16)
        // Clients choose the addresses: half of the room is left to the names of the configuration.
        guard namesInFlight < configuration.namesInFlightLimit / 2 else { throw .tooManyNames }
        let found = try await answer(by: deadline, Cancellation()) { channel, query in
            octets.withUnsafeBufferPointer { cares_reverse(channel, $0.baseAddress, UInt32($0.count), query) }
        }
        return found.addresses.map { String(decoding: $0, as: UTF8.self) }
    }

    /// - Parameter begin: has the library begin; `NameQuery` is told what it finds.
    private func answer(
        by deadline: Instant, _ cancellation: Cancellation, _ begin: (OpaquePointer, UnsafeMutableRawPointer) -> Void
    ) async throws(ResolutionError) -> Resolution {
        guard let channel else { throw .closed }
        guard deadline > ring.now, !cancellation.isCancelled else { throw .timedOut }
        guard namesInFlight < configuration.namesInFlightLimit else { throw .tooManyNames }
        let query = NameQuery(self, addressesLimit: configuration.addressesLimit)
        namesInFlight += 1
        begin(channel, Unmanaged.passRetained(query).toOpaque())
        query.isAsking = true
        setTimer()
        awaited[ObjectIdentifier(query)] = query
        await cancellation.whileWatched({ query.giveUp() }) { await query.wait(on: ring, until: deadline) }
        awaited[ObjectIdentifier(query)] = nil
        guard let result = query.result else { preconditionFailure("a query ended without a result") }
        return try result.get()
    }

    /// Has all who wait now hear that they waited too long. Who asks later is answered.
    public func giveUp() {
        for query in awaited.values { query.giveUp() }
    }

    /// Ends all that is in flight with `closed`.
    public func close() {
        guard let channel = channel.take() else { return }
        cares_cancel(channel)
        precondition(namesInFlight == 0, "the library has forgotten a name")
        timer?.deadline = .never
        timer = nil
        cares_close(channel)
        precondition(polls.isEmpty, "the library has left a socket open")
    }

    /// The longest name in text, RFC 1035, section 2.3.4, with the dot at its end.
    private static let nameLimitBytes = 254

    /// Printable ASCII. A backslash would be the library's escape.
    private static func isName(_ name: String) -> Bool {
        (1...nameLimitBytes).contains(name.utf8.count)
            && name.utf8.allSatisfy { (0x21..<0x7f).contains($0) && $0 != UInt8(ascii: "\\") }
    }

    // MARK: The library

    private func open() throws(ResolutionError) -> OpaquePointer {
        guard !configuration.servers.contains(where: \.isUnix) else { throw .unusable("a server is a Unix socket") }
        let servers = configuration.servers.map(cares_server.init)
        var channel: OpaquePointer?
        let result = servers.withUnsafeBufferPointer { servers in
            var options = cares_options()
            options.servers = servers.baseAddress
            options.server_count = servers.count
            options.timeout_ms = configuration.timeout.wholeMilliseconds
            options.tries = Int32(clamping: max(1, configuration.tries))
            options.search = configuration.searchesDomains
            options.context = Unmanaged.passUnretained(self).toOpaque()
            options.watch = { context, descriptor, readable, writable in
                var events = PollEvents()
                if readable { events.insert(.readable) }
                if writable { events.insert(.writable) }
                Unmanaged<Resolver>.fromOpaque(context!).takeUnretainedValue().watch(descriptor, events)
            }
            options.address = { name, octets, count in
                Unmanaged<NameQuery>.fromOpaque(name!).takeUnretainedValue()
                    .add(Array(UnsafeBufferPointer(start: octets, count: Int(count))))
            }
            options.ended = { name, outcome, seconds, text in
                Unmanaged<NameQuery>.fromOpaque(name!).takeRetainedValue()
                    .end(ResolutionError(outcome, text), seconds: seconds)
            }
            return cares_open(&channel, &options)
        }
        guard let channel, result == 0 else { throw .unusable(systemErrorText(-result)) }
        return channel
    }

    private func watch(_ descriptor: Int32, _ events: PollEvents) {
        guard !events.isEmpty else {
            polls.removeValue(forKey: descriptor)?.watch([])
            return
        }
        let poll =
            polls[descriptor]
            ?? Poll(ring, descriptor) { [unowned self] events in
                // An end or a failure is found by reading.
                let isReadable = !events.subtracting(.writable).isEmpty
                process(
                    readable: isReadable ? descriptor : -1, writable: events.contains(.writable) ? descriptor : -1)
            }
        polls[descriptor] = poll
        poll.watch(events)
    }

    private func process(readable: Int32, writable: Int32) {
        guard let channel else { return }
        cares_process(channel, readable, writable)
        setTimer()
    }

    private func setTimer() {
        guard let channel, let timer else { return }
        let patience = cares_patience_ns(channel)
        timer.deadline = patience < 0 ? .never : ring.now + .nanoseconds(patience)
    }

    func noteEnd() {
        namesInFlight -= 1
    }
}

extension cares_server {
    fileprivate init(_ address: SocketAddress) {
        self.init()
        octet_count = UInt32(address.octets.count)
        port = address.port
        withUnsafeMutableBytes(of: &octets) { $0.copyBytes(from: address.octets) }
    }
}

extension ResolutionError {
    /// `nil` where the name was found.
    fileprivate init?(_ outcome: cares_outcome, _ text: UnsafePointer<CChar>?) {
        switch outcome {
        case .found: return nil
        case .not_found: self = .notFound
        case .no_address: self = .noAddress
        case .timed_out: self = .timedOut
        case .bad_name: self = .badName
        case .cancelled: self = .closed
        case .failed: self = .serverFailed(text.map { String(cString: $0) } ?? "")
        }
    }
}

extension Duration {
    /// At least 1 and at most an hour.
    fileprivate var wholeMilliseconds: Int32 {
        let limit = Duration.seconds(3600)
        return max(1, Int32(min(self, limit) / .milliseconds(1)))
    }
}
