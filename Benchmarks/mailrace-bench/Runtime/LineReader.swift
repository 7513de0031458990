import Ring
import Wire

/// Takes lines off a stream, one at a time. Before it waits it sends what is queued, so that the answers to a group of
/// pipelined commands leave in one piece (RFC 2920 section 3.2).
struct LineReader {
    private let stream: Stream
    private var framer: LineFramer

    enum Failure: Error {
        case stream(StreamError)
        case lineTooLong
    }

    init(_ stream: Stream, limitBytes: Int) {
        self.stream = stream
        framer = LineFramer(limitBytes: limitBytes)
    }

    /// Waits for a line and has `read` look at it, its CRLF included.
    mutating func next<Result>(_ read: (Span<UInt8>) -> Result) async throws(Failure) -> Result {
        while true {
            switch stream.withInput({ framer.next(in: $0) }) {
            case .line(let length):
                let result = stream.withInput { read($0.extracting(0..<length)) }
                stream.dropInput(length)
                return result
            case .tooLong:
                throw .lineTooLong
            case .incomplete:
                do throws(StreamError) {
                    try await stream.flush()
                    try await stream.waitForInput()
                } catch {
                    throw .stream(error)
                }
            }
        }
    }
}
