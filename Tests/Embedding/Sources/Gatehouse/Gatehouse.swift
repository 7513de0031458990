import Policy
import Service
import Wire

/// The program's own part in what Mailrace decides.
public struct Gatehouse: Sendable {
    /// Passwords by name.
    private let staff: [String: String]
    /// Domains from which nobody writes here.
    private let unwanted: Set<String>

    public init(staff: [String: String], unwanted: Set<String>) {
        self.staff = staff
        self.unwanted = unwanted
    }

    /// The authenticator `staff`, and a check of every listener.
    public var policies: ProgramPolicies {
        var policies = ProgramPolicies()
        policies.authenticators["staff"] = { [staff] ring in StaffAuthenticator(staff, on: ring) }
        policies.checks = { [unwanted] _, _ in [StageGate.Entry(SenderCheck(unwanted))] }
        return policies
    }
}
