public import Policy
public import Ring

/// What decides about sessions and is code of the program that Mailrace is embedded in.
///
/// Each closure makes the part of one shard: it is called on every shard's thread, and what it makes lives there and
/// needs no locks. What the parts have in common the closure captures, so that is Sendable.
public struct ProgramPolicies: Sendable {
    /// Makes something for one shard, whose ring it may wait on.
    public typealias Making<Policy> = @Sendable (_ ring: Ring) -> Policy

    /// The authenticators of the type `program`, by their names in the configuration. One that the configuration names
    /// and that is not here is a problem of the configuration. Made again where its table, or `[dns]`, has changed.
    public var authenticators: [String: Making<any Authenticator>] = [:]
    /// The checks of a listener at envelope depth, by its name: asked in this order, after those of the configuration.
    /// Made again with each reload that changes something.
    public var checks: @Sendable (_ listener: String, _ ring: Ring) -> [StageGate.Entry] = { _, _ in [] }
    /// The router of a listener at envelope depth, by its name; nil: sessions go to the listener's upstream. It may
    /// name each upstream of the configuration. Made again as the checks are.
    public var router: @Sendable (_ listener: String, _ ring: Ring) -> (any Router)? = { _, _ in nil }

    public init() {}
}
