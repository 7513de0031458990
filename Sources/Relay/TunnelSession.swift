import Ring
import Telemetry

/// One client at tunnel depth: the upstream greets, Mailrace reads along until the client has chosen with or without
/// TLS, then bytes go both ways unread.
///
/// The order of this file and its extensions is the order of the protocol. Whoever speaks while it is the other side's
/// turn ends the session.
final class TunnelSession: Session {
    /// The client has said HELO at least once, whatever it said since.
    var hasSaidHELO = false
    var badLines = 0
    var localAnswers = 0

    /// Carries the dialogue on to the hand-off, or to its end.
    ///
    /// - Returns: true where the session is handed off: `passThrough` follows.
    override func converse() async -> Bool {
        do throws(SessionEnd) {
            try await arrive()
            if settings.dial == .afterTLS, !settings.isImplicitTLS {
                try await negotiateAlone()
            } else {
                guard try await greet() else { try await refuseAll() }
                try await negotiate()
            }
            return true
        } catch {
            await end(isAborted ? .aborted : error)
            return false
        }
    }
}
