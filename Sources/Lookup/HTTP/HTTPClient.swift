import CCurl
public import Ring
import Wire

/// Asks servers by HTTP/1.1, on the shard and without a thread of its own: libcurl's sockets are watched by the ring,
/// its timeouts kept by the ring's timers. Connections are kept and used again.
///
/// Host names are resolved by the shard's own resolver and handed to libcurl, whose own resolver is a thread for each
/// name, which nobody can take back. Not Sendable: one for each shard. It must be closed before it goes, and before its
/// resolver. The process must ignore SIGPIPE.
public final class HTTPClient {
    private let ring: Ring
    private let names: HTTPNames
    private let configuration: HTTPConfiguration
    private var library: OpaquePointer?
    private var timer: Timer?
    /// libcurl wants to be called as soon as it has returned.
    private var isDue = false
    /// By descriptor.
    private var polls: [Int32: Poll] = [:]
    private var transfers: [ObjectIdentifier: HTTPTransfer] = [:]

    /// - Throws: `failed` where libcurl cannot be used.
    public init(
        _ ring: Ring, _ resolver: Resolver?, _ configuration: HTTPConfiguration = HTTPConfiguration()
    ) throws(HTTPError) {
        self.ring = ring
        self.configuration = configuration
        names = HTTPNames(ring, resolver)
        library = try open()
        timer = Timer(ring) { [unowned self] in process(-1, []) }
    }

    deinit { precondition(library == nil, "a client of HTTP was dropped without being closed") }

    /// Requests in flight, those included whose answer's body is still dropped.
    public var requestsInFlight: Int { transfers.count }

    /// Asks `server` once.
    ///
    /// - Parameters:
    ///   - deadline: when the caller has enough; coarse (up to 34 ms late).
    ///   - cancellation: ends the wait with `cancelled`.
    public func answer(
        to request: HTTPRequest, of server: HTTPServer, deadline: Instant, cancellation: Cancellation = Cancellation()
    ) async throws(HTTPError) -> HTTPAnswer {
        guard request.fields.allSatisfy(\.isWellFormed) else { throw .badRequest }
        guard deadline > ring.now else { throw .timedOut }
        guard transfers.count < configuration.requestsLimit else { throw .tooManyRequests }
        let resolved = try await names.entry(of: server, deadline: deadline, cancellation)
        guard library != nil else { throw .closed }
        guard !cancellation.isCancelled else { throw .cancelled }
        let transfer = HTTPTransfer(self, request, configuration)
        try begin(transfer, request, server, resolved)
        await cancellation.whileWatched({ transfer.giveUp(.cancelled) }) {
            await transfer.wait(on: ring, until: deadline)
        }
        guard let result = transfer.result else { preconditionFailure("a request ended without a result") }
        return try result.get()
    }

    /// Has all who wait now hear `cancelled`. Who asks later is answered.
    public func giveUp() {
        for transfer in Array(transfers.values) { transfer.giveUp(.cancelled) }
    }

    /// Ends all that is in flight with `closed`, and closes the connections.
    public func close() {
        guard let open = library else { return }
        for transfer in Array(transfers.values) { transfer.giveUp(.closed) }
        library = nil
        timer?.deadline = .never
        timer = nil
        ccurl_client_close(open)
        precondition(polls.isEmpty, "the library has left a socket open")
    }

    // MARK: The library

    private func open() throws(HTTPError) -> OpaquePointer {
        var options = ccurl_client_options()
        options.context = Unmanaged.passUnretained(self).toOpaque()
        options.connections_kept_max = UInt32(clamping: configuration.idleConnectionsLimit)
        options.idle_seconds_max = UInt32(clamping: configuration.idleTimeout.components.seconds)
        options.authorities_seconds_max = UInt32(clamping: configuration.authoritiesLifetime.components.seconds)
        options.watch = { context, descriptor, readable, writable in
            var events = PollEvents()
            if readable { events.insert(.readable) }
            if writable { events.insert(.writable) }
            Unmanaged<HTTPClient>.fromOpaque(context!).takeUnretainedValue().watch(descriptor, events)
        }
        options.set_timer = { context, milliseconds in
            Unmanaged<HTTPClient>.fromOpaque(context!).takeUnretainedValue().setTimer(milliseconds)
        }
        var client: OpaquePointer?
        let result = ccurl_client_open(&client, &options)
        guard let client, result == 0 else { throw .failed("libcurl: " + systemErrorText(-result)) }
        return client
    }

    private func begin(
        _ transfer: HTTPTransfer, _ request: HTTPRequest, _ server: HTTPServer, _ resolved: String?
    ) throws(HTTPError) {
        var question = ccurl_question()
        question.skips_verification = !configuration.verifies
        question.connect_timeout_ms = configuration.connectTimeout.wholeMilliseconds
        question.takes_any_answer = request.needsNoStatusLine
        question.context = Unmanaged.passRetained(transfer).toOpaque()
        question.header = { context, bytes, length in
            Unmanaged<HTTPTransfer>.fromOpaque(context!).takeUnretainedValue()
                .take(header: UnsafeBufferPointer(start: bytes, count: length))
        }
        question.body = { context, bytes, length in
            Unmanaged<HTTPTransfer>.fromOpaque(context!).takeUnretainedValue()
                .take(body: UnsafeBufferPointer(start: bytes, count: length))
        }
        question.ended = { context, outcome, text in
            Unmanaged<HTTPTransfer>.fromOpaque(context!).takeRetainedValue().end(HTTPError(outcome, text))
        }
        var head = HTTPHead(request.fields)
        defer { head.wipe() }
        var begun: OpaquePointer?
        let result = server.url.withCString { url in
            withOptionalCString(server.unixPath) { socket in
                withOptionalCString(resolved) { resolved in
                    withOptionalCString(configuration.authoritiesFile) { authorities in
                        head.withLines { lines in
                            question.url = url
                            question.unix_socket = socket
                            question.resolved = resolved
                            question.authorities_file = authorities
                            question.headers = lines.baseAddress
                            question.header_count = lines.count
                            return ccurl_begin(library, &question, &begun)
                        }
                    }
                }
            }
        }
        guard let begun, result == 0 else {
            Unmanaged<HTTPTransfer>.fromOpaque(question.context).release()
            throw .failed("libcurl: " + systemErrorText(-result))
        }
        transfer.transfer = begun
        transfers[ObjectIdentifier(transfer)] = transfer
        goOn()
    }

    /// Takes a transfer back from the library.
    func drop(_ transfer: HTTPTransfer) {
        guard let library, let dropped = transfer.transfer else { return }
        noteEnd(of: transfer)
        ccurl_drop(library, dropped)
        Unmanaged.passUnretained(transfer).release()
        goOn()
    }

    func noteEnd(of transfer: HTTPTransfer) {
        transfer.letGo()
        transfers[ObjectIdentifier(transfer)] = nil
    }

    private func watch(_ descriptor: Int32, _ events: PollEvents) {
        guard !events.isEmpty else {
            polls.removeValue(forKey: descriptor)?.watch([])
            return
        }
        let poll = polls[descriptor] ?? Poll(ring, descriptor) { [unowned self] in process(descriptor, $0) }
        polls[descriptor] = poll
        poll.watch(events)
    }

    private func setTimer(_ milliseconds: Int64) {
        isDue = milliseconds == 0
        timer?.deadline = milliseconds > 0 ? ring.now + .milliseconds(milliseconds) : .never
    }

    private func process(_ descriptor: Int32, _ events: PollEvents) {
        guard let library else { return }
        // An end or a failure is found by reading.
        let isReadable = !events.subtracting(.writable).isEmpty
        ccurl_process(library, descriptor, isReadable, events.contains(.writable))
        goOn()
    }

    /// Steps of the library that wait for nothing, a few of them; the rest at the timer's next look.
    private func goOn() {
        for _ in 0..<Self.stepsLimit where isDue {
            guard let library else { return }
            isDue = false
            ccurl_process(library, -1, false, false)
        }
        if isDue { timer?.deadline = ring.now }
    }

    private static let stepsLimit = 16
}

/// `body` with the text as C has it, or NULL.
private func withOptionalCString<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    guard let text else { return body(nil) }
    return text.withCString { body($0) }
}

extension HTTPError {
    /// Nil where there is an answer.
    fileprivate init?(_ outcome: ccurl_outcome, _ text: UnsafePointer<CChar>?) {
        let text = text.map { String(cString: $0) } ?? ""
        switch outcome {
        case .complete: return nil
        case .unreachable: self = .unreachable(text)
        case .timed_out: self = .timedOut
        case .insecure: self = .insecure(text)
        case .broken: self = .broken(text)
        case .declined: self = .tooLarge
        case .failed: self = .failed(text)
        }
    }
}

extension Duration {
    /// At least 1 and at most an hour.
    fileprivate var wholeMilliseconds: UInt32 {
        max(1, UInt32(max(.zero, min(self, .seconds(3600))) / .milliseconds(1)))
    }
}
