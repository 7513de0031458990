import Ring

/// One name on its way, and the caller who waits for it.
final class NameQuery {
    private unowned let resolver: Resolver
    private let addressesLimit: Int
    private var addresses: [[UInt8]] = []
    private(set) var result: Result<Resolution, ResolutionError>?
    private var caller: UnsafeContinuation<Void, Never>?
    /// The library has begun to ask servers.
    var isAsking = false

    init(_ resolver: Resolver, addressesLimit: Int) {
        self.resolver = resolver
        self.addressesLimit = addressesLimit
    }

    /// Waits for the result, until `deadline` at the latest.
    func wait(on ring: Ring, until deadline: Instant) async {
        guard result == nil else { return }
        // A name cannot be taken back from the library: the caller goes, and the answer will find nobody.
        let timer = Timer(ring) { self.settle(.failure(.timedOut)) }
        timer.deadline = deadline
        await withUnsafeContinuation { continuation in
            // A suspension may lie between the look above and this one; what came meanwhile does not come again.
            guard result == nil else { return continuation.resume() }
            caller = continuation
        }
        timer.deadline = .never
    }

    func giveUp() { settle(.failure(.timedOut)) }

    /// What comes first counts.
    private func settle(_ result: Result<Resolution, ResolutionError>) {
        guard self.result == nil else { return }
        self.result = result
        caller.take()?.resume()
    }

    // MARK: What the library says

    func add(_ address: [UInt8]) {
        if addresses.count < addressesLimit { addresses.append(address) }
    }

    func end(_ failure: ResolutionError?, seconds: UInt32) {
        resolver.noteEnd()
        if let failure {
            settle(.failure(failure))
        } else if addresses.isEmpty {
            settle(.failure(.noAddress))
        } else {
            let fromServers = min(.seconds(Int64(seconds)), Resolution.timeToLiveLimit)
            let timeToLive = isAsking ? fromServers : Resolution.localTimeToLive
            settle(.success(Resolution(addresses: addresses, timeToLive: timeToLive)))
        }
    }
}
