/// An enhanced status code, `class.subject.detail` (RFC 3463 section 2).
public struct EnhancedStatus: Sendable, Equatable, CustomStringConvertible {
    /// 2 success, 4 persistent transient failure, 5 permanent failure. RFC 3463 has no others.
    public let classDigit: Int
    public let subject: Int
    public let detail: Int

    /// Nil if the class is none of the three, or another number is not within 0...999.
    public init?(_ classDigit: Int, _ subject: Int, _ detail: Int) {
        guard [2, 4, 5].contains(classDigit), (0...999).contains(subject), (0...999).contains(detail) else {
            return nil
        }
        self.classDigit = classDigit
        self.subject = subject
        self.detail = detail
    }

    public var description: String { "\(classDigit).\(subject).\(detail)" }
}
