/// Where a session stands when it is decided about, in the order in which a session comes by.
public enum Stage: UInt8, Sendable, CaseIterable, Comparable {
    /// The client is connected, and who it is is known as far as addresses go; nothing has been said.
    case connect
    /// HELO or EHLO.
    case helo
    /// Somebody has authenticated.
    case auth
    /// MAIL; comes again with each transaction, as do those that follow.
    case mail
    /// RCPT; comes again with each recipient.
    case rcpt
    /// DATA, or the first BDAT.
    case data
    /// The header of the message is complete.
    case header
    /// The message is complete.
    case end

    public static func < (first: Stage, second: Stage) -> Bool { first.rawValue < second.rawValue }
}

/// Some of the stages.
public struct Stages: OptionSet, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public init(_ stage: Stage) { rawValue = 1 << UInt16(stage.rawValue) }

    public static let connect = Stages(.connect)
    public static let helo = Stages(.helo)
    public static let auth = Stages(.auth)
    public static let mail = Stages(.mail)
    public static let rcpt = Stages(.rcpt)
    public static let data = Stages(.data)
    public static let header = Stages(.header)
    public static let end = Stages(.end)

    public func contains(_ stage: Stage) -> Bool { contains(Stages(stage)) }
}
