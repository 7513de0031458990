import CHiredis
import Wire

/// What Redis says, taken apart as it comes.
///
/// It knows no connection, and takes no reply that is longer than `textLimitBytes`, or a list.
package struct RedisReplies: ~Copyable {
    package enum Reply: Sendable, Equatable {
        /// There is nothing.
        case none
        case text([UInt8])
        /// `OK`, `PONG`.
        case status([UInt8])
        case integer
        /// In Redis' words.
        case error(String)
    }

    package enum Next: Sendable, Equatable {
        case reply(Reply)
        /// There is no whole one.
        case incomplete
        /// It is none, or one that nobody here asks for. Nothing more can be read.
        case broken
    }

    /// The longest text.
    package static let textLimitBytes = Int(CHIREDIS_TEXT_BYTES)

    private let reader: OpaquePointer

    package init() {
        guard let reader = chiredis_open() else { preconditionFailure("out of memory") }
        self.reader = reader
    }

    deinit { chiredis_close(reader) }

    /// Adds what has come. False where it cannot be taken.
    package func take(_ bytes: Span<UInt8>) -> Bool {
        bytes.withUnsafeBufferPointer { chiredis_feed(reader, $0.baseAddress, $0.count) }
    }

    /// The oldest reply that has not been given yet.
    package func next() -> Next {
        switch chiredis_next(reader) {
        case .incomplete: .incomplete
        case .nil: .reply(.none)
        case .text: .reply(.text(text))
        case .status: .reply(.status(text))
        case .integer: .reply(.integer)
        case .error: .reply(.error(String(escaping: text, limitBytes: 200)))
        case .broken: .broken
        }
    }

    private var text: [UInt8] {
        var length = 0
        let bytes = chiredis_text_of(reader, &length)
        return Array(UnsafeBufferPointer(start: bytes, count: length))
    }
}
