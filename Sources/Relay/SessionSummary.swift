import Ring
public import Telemetry

/// A session that goes on, as it is shown to administrators.
public struct SessionSummary: Sendable {
    /// What is known so far. Whatever a peer said in it is as it came: to be escaped and cut where it is shown.
    public let record: SessionRecord
    /// Bytes received from the client and sent to it, without TLS framing.
    public let bytesReceived: UInt64
    public let bytesSent: UInt64

    init(_ session: Session) {
        record = session.record
        bytesReceived = session.client.bytesReceived
        bytesSent = session.client.bytesSent
    }

    public init(_ record: SessionRecord, bytesReceived: UInt64, bytesSent: UInt64) {
        self.record = record
        self.bytesReceived = bytesReceived
        self.bytesSent = bytesSent
    }
}

/// The oldest of many, found without sorting all: what is held is at most twice of what is wanted.
struct Oldest<Element> {
    private let limit: Int
    private var held: [(start: Int64, element: Element)] = []

    /// - Parameter limit: how many are wanted.
    init(_ limit: Int) {
        self.limit = max(0, limit)
    }

    /// - Parameter start: when it began; any clock does.
    mutating func add(_ element: Element, start: Int64) {
        guard limit > 0 else { return }
        held.append((start, element))
        if held.count >= 2 * limit { cut() }
    }

    private mutating func cut() {
        held.sort { $0.start < $1.start }
        held.removeLast(max(0, held.count - limit))
    }

    /// Those wanted, the oldest first.
    mutating func take() -> [Element] {
        cut()
        return held.map(\.element)
    }
}

extension [SessionSummary] {
    /// The oldest of both, at most `limit`, the oldest first.
    public func merged(with other: [SessionSummary], _ limit: Int) -> [SessionSummary] {
        let all = (self + other).sorted { $0.record.start < $1.record.start }
        return Array(all.prefix(Swift.max(0, limit)))
    }
}
