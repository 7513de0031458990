import Ring
import TLS

/// Why something cannot begin: io_uring, an address, a file or its contents. In words for people.
struct Unavailable: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }

    init(_ error: RingUnavailable) { reason = error.description }

    init(_ error: TLSConfigurationError) { reason = error.description }
}
