import CPam
import Lookup
public import Ring
import Wire

/// Asks the modules of PAM (pam(8)), which want to see a password.
///
/// They block: each question has a thread of `Offload`, and as many others wait as that lets. A session waits no longer
/// than its time; a module that goes on keeps its thread until it is done. Whoever does not show a password is refused,
/// and so is a client that does not authenticate: PAM knows no recipients.
public final class PAMAuthenticator: Authenticator {
    public let name: String
    private let place: Place
    private let timeout: Duration
    private let ring: Ring
    private let offload: Offload

    /// Questions at one time, of all shards.
    public static let questionsAtOnce = 8
    /// Questions that may wait for a thread, of all shards.
    public static let questionsLimit = 256

    /// Where the rules are.
    private struct Place: Sendable {
        let service: String
        /// Nil for PAM's own.
        let folder: String?
    }

    /// What the authenticators of all shards ask on.
    public static func offload() -> Offload { Offload(threads: questionsAtOnce, jobsLimit: questionsLimit) }

    /// - Parameters:
    ///   - service: its name, of which `/etc/pam.d` has a file.
    ///   - timeout: for a decision, the wait for a thread included.
    ///   - offload: for questions to PAM alone.
    public convenience init(
        _ name: String, service: String, timeout: Duration, on ring: Ring, _ offload: Offload
    ) {
        self.init(name, service: service, in: nil, timeout: timeout, on: ring, offload)
    }

    /// - Parameter folder: where the files of services are, in place of `/etc/pam.d`.
    package init(
        _ name: String, service: String, in folder: String?, timeout: Duration, on ring: Ring, _ offload: Offload
    ) {
        self.name = name
        place = Place(service: service, folder: folder)
        self.timeout = timeout
        self.ring = ring
        self.offload = offload
    }

    public func authenticate(_ attempt: AuthenticationAttempt) async -> AuthenticationOutcome {
        guard let credentials = attempt.credentials else {
            return .refused(Refusal(reply: .authenticationRequired))
        }
        let (user, actsAs) = (credentials.user, credentials.authorisationIdentity)
        guard case .password(let password) = credentials.proof, !user.isEmpty, actsAs.isEmpty || actsAs == user else {
            return Self.refused
        }
        let client = attempt.facts.client.isUnix ? nil : attempt.facts.client.host
        let patience = Patience()
        let timer = Timer(ring) { patience.end() }
        timer.deadline = ring.now + timeout
        defer { timer.deadline = .never }
        if attempt.cancellation.isCancelled { patience.end() }
        do throws(Offload.Refused) {
            let answer = try await attempt.cancellation.whileWatched({ patience.end() }) { () throws(Offload.Refused) in
                try await offload.run(for: patience) { [place] in Self.answer(place, user, password, client) }
            }
            switch answer {
            case .accepted?: return .accepted(Acceptance(login: user))
            case .refused?: return Self.refused
            case .unavailable(let reason)?: return .unavailable(attempt.unavailableReply, because: reason)
            case nil: return .unavailable(attempt.unavailableReply, because: "no answer in time")
            }
        } catch {
            return .unavailable(attempt.unavailableReply, because: "too many questions to PAM wait")
        }
    }

    private static let refused = AuthenticationOutcome.refused(Refusal(reply: .authenticationFailed))

    private enum Answer: Sendable {
        case accepted
        case refused
        case unavailable(String)
    }

    /// Blocks.
    private static func answer(_ place: Place, _ user: [UInt8], _ password: Secret, _ client: String?) -> Answer {
        var phrase: [UInt8] = []
        phrase.reserveCapacity(password.count + 1)
        password.append(to: &phrase)
        defer { phrase.wipe() }
        // What PAM takes ends with a NUL: with one inside it would look at another user, or another password.
        guard !phrase.contains(0), !user.contains(0) else { return .refused }
        phrase.append(0)
        var reason = [CChar](repeating: 0, count: Int(CPAM_REASON_BYTES))
        let answer = (user + [0]).withCharacters { user in
            phrase.withCharacters { cpam_authenticate(place.service, user, $0, client, place.folder, &reason) }
        }
        if answer == cpam_accepted { return .accepted }
        if answer == cpam_refused { return .refused }
        let words = reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return .unavailable(String(escaping: words, limitBytes: Int(CPAM_REASON_BYTES)))
    }
}

extension [UInt8] {
    /// Lends text that ends with a NUL.
    fileprivate func withCharacters<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }
}
