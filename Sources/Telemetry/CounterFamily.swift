/// What is counted for each listener by its reason: failures, which are rare and of many kinds; and TLS by its version.
///
/// A reason is a short word of lower case and underscores out of a set that does not depend on what peers say, so
/// that its counters stay few.
public enum CounterFamily: Int, CaseIterable, Sendable {
    /// A TLS handshake with a client failed; the reason as in the session's line (`tls_failure`).
    case downstreamTLSFailures
    /// A TLS handshake with an upstream server failed, whatever became of the session.
    case upstreamTLSFailures
    /// The certificate of an upstream server could not be verified; the session may have gone on (`opportunistic`).
    case upstreamVerificationFailures
    /// The dialogue with an upstream server failed before the hand-off.
    case upstreamFailures
    /// A TLS handshake with a client was completed; in place of a reason the version agreed.
    case downstreamTLSSessions
    /// A TLS handshake with an upstream server was completed; in place of a reason the version agreed.
    case upstreamTLSSessions
    /// A client has begun to authenticate; in place of a reason the mechanism.
    case authenticationAttempts
    /// An authenticator has been asked; in place of a reason what it said.
    case authenticationOutcomes
    /// A check refused a command or a session, or could not say; in place of a reason its name.
    case checkRefusals
    /// A client's host name was looked up and wanted; in place of a reason what came of it.
    case clientNames
    /// A command was refused at envelope depth by Mailrace itself; in place of a reason the code of the reply.
    case commandRefusals
    /// A transaction has ended, where Mailrace stays in the protocol; in place of a reason what became of its message
    /// (`MessageRecord.Outcome`).
    case messages
    /// A message had in it, or was, what it must not be; in place of a reason what (`MessageRecord.Fault`).
    case messageFaults
    /// A recipient was refused, by an upstream server or by Mailrace; in place of a reason the code of the reply.
    case recipientRefusals
    /// A router was asked where a recipient's mail goes; in place of a reason what it said.
    case routeLookups
}

extension CounterFamily {
    /// The name in snapshots: lower case with underscores, never changed once released.
    public var name: String { definition.name }

    /// One sentence for the person who reads a snapshot.
    public var help: String { definition.help }

    /// The name of the label that tells its counters apart.
    public var label: String {
        switch self {
        case .downstreamTLSSessions, .upstreamTLSSessions: "version"
        case .authenticationAttempts: "mechanism"
        case .authenticationOutcomes, .clientNames, .messages, .routeLookups: "outcome"
        case .checkRefusals: "check"
        case .commandRefusals, .recipientRefusals: "code"
        case .messageFaults: "fault"
        default: "reason"
        }
    }

    private var definition: (name: String, help: String) {
        switch self {
        case .downstreamTLSFailures: ("downstream_tls_failures", "TLS handshakes with clients failed, by reason.")
        case .upstreamTLSFailures: ("upstream_tls_failures", "TLS handshakes with upstreams failed, by reason.")
        case .upstreamVerificationFailures:
            ("upstream_verification_failures", "Certificates of upstreams that could not be verified, by reason.")
        case .upstreamFailures: ("upstream_failures", "Dialogues with upstreams that failed, by reason.")
        case .downstreamTLSSessions: ("downstream_tls_sessions", "TLS handshakes with clients completed, by version.")
        case .upstreamTLSSessions: ("upstream_tls_sessions", "TLS handshakes with upstreams completed, by version.")
        case .authenticationAttempts: ("authentication_attempts", "AUTH commands carried out, by mechanism.")
        case .authenticationOutcomes: ("authentication_outcomes", "What authenticators said, by outcome.")
        case .checkRefusals: ("check_refusals", "Commands and sessions that checks refused, by check.")
        case .commandRefusals: ("command_refusals", "Commands that Mailrace itself refused, by the reply's code.")
        case .clientNames: ("client_names", "Host names of clients that were looked up, by outcome.")
        case .messages: ("messages", "Transactions that have ended, by what became of the message.")
        case .messageFaults: ("message_faults", "Messages that were not passed on for what is in them, by fault.")
        case .recipientRefusals: ("recipient_refusals", "Recipients refused, by the reply's code.")
        case .routeLookups: ("route_lookups", "Recipients that were looked up in routes, by outcome.")
        }
    }
}
