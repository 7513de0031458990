/// How the file of a map is read: two maps of one file that are asked for the same share what was read.
public struct CSVRules: Sendable, Hashable {
    /// What its keys are about.
    public var subject: MapKey.Kind.Subject
    /// The case of letters in local parts and logins makes no difference.
    public var foldsLocalParts: Bool
    /// The names of all upstreams.
    public var upstreams: Set<String>
    /// Each line must name an upstream: nobody knows how to deal with other servers.
    public var namesUpstreamsAlone: Bool

    public init(
        subject: MapKey.Kind.Subject, foldsLocalParts: Bool = false, upstreams: Set<String> = [],
        namesUpstreamsAlone: Bool = false
    ) {
        self.subject = subject
        self.foldsLocalParts = foldsLocalParts
        self.upstreams = upstreams
        self.namesUpstreamsAlone = namesUpstreamsAlone
    }
}

/// What is wrong with a file.
package struct CSVProblem: Error, Equatable, CustomStringConvertible {
    /// From 1 on.
    package let line: Int
    package let text: String

    package var description: String { "line \(line): \(text)" }
}
