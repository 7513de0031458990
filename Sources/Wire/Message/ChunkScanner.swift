/// Looks over a message that comes in chunks (RFC 3030 section 2): the same as `MessageScanner`, but that no end is in
/// it, and no dot doubled. `CR LF . CR LF` is content.
public struct ChunkScanner: Sendable {
    /// What is put out.
    public enum Form: Sendable {
        /// The content, for an upstream that takes chunks.
        case raw
        /// With dots doubled, for one that takes DATA.
        case stuffed
    }

    private enum Content: Sendable {
        case text(ContentScanner)
        /// BODY=BINARYMIME: it need not have lines.
        case binary(bytesMax: Int)
    }

    private var content: Content
    private var binaryBytes = 0
    private var binaryFault: MessageScanner.Fault?
    private var binaryIs8Bit = false

    /// A scanner that stands at the start of the first chunk.
    ///
    /// - Parameter isBinary: BODY=BINARYMIME was given, and the upstream takes it: only the size is looked at. `form`
    ///   is raw then.
    public init(_ rules: MessageScanner.Rules, form: Form, isBinary: Bool = false) {
        precondition(!isBinary || form == .raw)
        content =
            isBinary
            ? .binary(bytesMax: rules.messageBytesMax == 0 ? .max : rules.messageBytesMax)
            : .text(ContentScanner(rules, readsStuffed: false, writesStuffed: form == .stuffed))
    }

    /// Reads all of `bytes`, which follow those of the call before, of the same chunk or of the next, and appends to
    /// `output` what may go to the upstream. That can be less than came, as a CR is held until it is known what it is,
    /// and more, as dots are doubled and line ends repaired: chunks towards the upstream are cut anew.
    public mutating func scan(_ bytes: Span<UInt8>, into output: inout [UInt8]) {
        switch content {
        case .binary(let bytesMax):
            let fitting = min(bytes.count, bytesMax - min(bytesMax, binaryBytes))
            binaryBytes += bytes.count
            if !bytes.allSatisfy({ $0 < 0x80 }) { binaryIs8Bit = true }
            if binaryFault == nil { output.append(bytes, in: 0..<fitting) }
            if fitting < bytes.count, binaryFault == nil { binaryFault = .tooLarge }
        case .text(var text):
            _ = text.scan(bytes, into: &output)
            content = .text(text)
        }
    }

    /// The last chunk has been read. A message that is to be stuffed and whose last line has no end is given one.
    /// There may be a fault only now: a CR at the very end.
    public mutating func finish(into output: inout [UInt8]) {
        guard case .text(var text) = content else { return }
        text.finish(into: &output)
        content = .text(text)
    }

    /// The first thing wrong. From then on nothing is put out.
    public var fault: MessageScanner.Fault? {
        switch content {
        case .text(let text): text.fault
        case .binary: binaryFault
        }
    }

    /// The bytes of the message, as they are in chunks that an upstream takes.
    public var messageBytes: Int {
        switch content {
        case .text(let text): text.messageBytes
        case .binary: binaryBytes
        }
    }

    /// A byte above 127 has been seen.
    public var is8Bit: Bool {
        switch content {
        case .text(let text): text.is8Bit
        case .binary: binaryIs8Bit
        }
    }
}
