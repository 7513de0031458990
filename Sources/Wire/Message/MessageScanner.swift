/// Finds the end of a message behind DATA, and looks over what it holds (RFC 5321 sections 2.3.8, 4.1.1.4 and 4.5.2),
/// at whatever places the input is split.
///
/// Only CRLF, a dot and CRLF, as they came, end a message (or a dot and CRLF before all else). Dots that the client
/// doubled stay doubled, so that what is put out can go to an upstream behind DATA as it is.
public struct MessageScanner: Sendable {
    /// What becomes of a bare CR, a bare LF or a NUL.
    public enum BareBytes: Sendable {
        /// The message is refused.
        case reject
        /// A bare LF becomes CRLF, a bare CR or a NUL one space. A line that begins with a dot only then has it
        /// doubled: the next server can see no end that the client did not send.
        case normalise
    }

    /// What a message may be.
    public struct Rules: Sendable {
        public var policy: BareBytes
        /// One line, in bytes, its CRLF included and a doubled dot counted once.
        public var lineBytesMax: Int
        /// All of it, as `messageBytes` counts; 0: no limit.
        public var messageBytesMax: Int

        public init(policy: BareBytes, lineBytesMax: Int, messageBytesMax: Int) {
            self.policy = policy
            self.lineBytesMax = lineBytesMax
            self.messageBytesMax = messageBytesMax
        }
    }

    /// Why a message is refused.
    public enum Fault: Sendable, Equatable {
        case bareCarriageReturn
        case bareLineFeed
        case nul
        case lineTooLong
        case tooLarge
    }

    private var content: ContentScanner

    /// A scanner that stands behind the 354.
    public init(_ rules: Rules) {
        content = ContentScanner(rules, readsStuffed: true, writesStuffed: true)
    }

    /// Reads `bytes`, which follow those of the call before, and appends to `output` what may go to the upstream. A CR
    /// whose LF is not there yet, and a dot that may begin the end, are held until it is known what they are.
    ///
    /// - Returns: How many bytes it took. All of them, unless the end was found: then those up to the end, it included.
    public mutating func scan(_ bytes: Span<UInt8>, into output: inout [UInt8]) -> Int {
        content.scan(bytes, into: &output)
    }

    /// The end has been seen. It is not put out: what has been ends with CRLF, or is empty, and a dot and CRLF behind
    /// it are the caller's to write, once it is sure.
    public var isComplete: Bool { content.isComplete }

    /// The first thing wrong. From then on nothing is put out; the end is still looked for.
    public var fault: Fault? { content.fault }

    /// The bytes of the message as RFC 1870 section 5 counts them: a line end is two, a doubled dot one, the end none.
    public var messageBytes: Int { content.messageBytes }

    /// A byte above 127 has been seen.
    public var is8Bit: Bool { content.is8Bit }
}
