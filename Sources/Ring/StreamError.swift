/// Why a stream cannot do what was asked.
public enum StreamError: Error, Equatable, Sendable {
    /// The peer has ended its direction and everything it sent has been read.
    case ended
    /// The deadline has passed.
    case timedOut
    /// The wait was interrupted (`Stream.interrupt`); the stream works on.
    case interrupted
    /// The peer has reset the connection, or it broke.
    case reset
    /// The record layer failed; it knows why.
    case insecure
    /// The kernel's errno, positive.
    case system(Int32)
}

extension StreamError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .ended: "closed by the peer"
        case .timedOut: "timed out"
        case .interrupted: "interrupted"
        case .reset: "connection reset"
        case .insecure: "TLS failed"
        case .system(let errno): systemErrorText(errno)
        }
    }
}
