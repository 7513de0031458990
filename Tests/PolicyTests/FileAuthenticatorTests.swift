import Glibc
import Policy
import Ring
import TLS
import TestCertificates
import TestSupport
import Testing
import Wire

/// Users of a file.
@Suite struct FileAuthenticatorTests {
    /// `pw`, by `openssl passwd -6`.
    private static let joe =
        "joe:$6$saltstring$.vnWcCATS7HX9wLGcWGmRWMy3QtkFQmcbgZ0JzwapmXyqGJ2Gt5UXnLK..eJGzeBsKnKBZB8CvweVE1t5sq6n.\n"

    /// A file that goes with this.
    private final class PasswordsFile: Sendable {
        let path = "/tmp/mailrace-passwords-\(UInt64.random(in: 0 ..< .max))"

        init(_ text: String) { write(text) }

        deinit { unlink(path) }

        /// Puts another file in its place.
        func write(_ text: String) {
            let descriptor = open(path + ".new", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            _ = text.withCString { Glibc.write(descriptor, $0, strlen($0)) }
            close(descriptor)
            rename(path + ".new", path)
        }
    }

    private final class Reports: Sendable {
        private let list = Locked<[String]>([])
        var all: [String] { list.withLock { $0 } }
        func add(_ text: String) { list.withLock { $0.append(text) } }
    }

    /// Asks an authenticator of `path`, whose reports come with the result.
    private static func asking<Result: Sendable>(
        _ path: String, jobsLimit: Int = 16,
        _ body: @escaping @Sendable (isolated Shard, FileAuthenticator) async -> Result
    ) async throws -> (result: Result, reports: [String]) {
        let reports = Reports()
        let offload = Offload(threads: 1, jobsLimit: jobsLimit)
        defer { offload.close() }
        let store = PasswordStore(path) { reports.add($0) }
        let result = try await onShard { shard in
            await body(shard, FileAuthenticator("users", store, on: offload))
        }
        return (result, reports.all)
    }

    private static func outcome(
        of credentials: Credentials?, in text: String, tls: ClientFacts? = nil
    ) async throws -> AuthenticationOutcome {
        let file = PasswordsFile(text)
        return try await asking(file.path) { shard, authenticator in
            let facts = sessionFacts()
            facts.tls = tls.map {
                ClientTLS(
                    protocolVersion: "TLSv1.3", cipher: "x", verification: $0.verification, certificate: $0.certificate)
            }
            return await authenticator.authenticate(AuthenticationAttempt(facts: facts, credentials: credentials))
        }.result
    }

    private static func secret(_ text: String) -> Secret {
        let bytes = Array(text.utf8)
        return Secret(bytes.span)
    }

    @Test func thePasswordLetsIn() async throws {
        let acceptance = try await Self.outcome(of: .plain("joe", "pw"), in: Self.joe).acceptance
        #expect(acceptance?.login == Array("joe".utf8))
        #expect(acceptance?.server == nil && acceptance?.upstreamCredentials == nil)
    }

    @Test(arguments: [("joe", "pW"), ("joe", "pw "), ("jim", "pw"), ("Joe", "pw"), ("", "pw")])
    func whatIsWrongIsRefusedAlike(user: String, password: String) async throws {
        let refusal = try await Self.outcome(of: .plain(user, password), in: Self.joe).refusal
        #expect(refusal == Refusal(reply: .authenticationFailed))
    }

    /// One of libargon2's own, and one made here.
    @Test func hashesMayBeByArgon2() async throws {
        let known = "joe:$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc\n"
        #expect(try await Self.outcome(of: .plain("joe", "password"), in: known).acceptance != nil)
        #expect(try await Self.outcome(of: .plain("joe", "Password"), in: known).refusal != nil)
        let made = try #require(PasswordHash.make(Self.secret("pw"), by: .argon2id))
        #expect(try await Self.outcome(of: .plain("joe", "pw"), in: "joe:\(made)\n").acceptance != nil)
    }

    @Test func aSharedSecretIsNoPassword() async throws {
        #expect(try await Self.outcome(of: .plain("joe", "pw"), in: "joe:{PLAIN}pw\n").refusal != nil)
        #expect(try await Self.outcome(of: .plain("joe", "{PLAIN}pw"), in: "joe:{PLAIN}pw\n").refusal != nil)
    }

    @Test(arguments: [("joe", true), ("jim", false)])
    func nobodyActsAsSomebodyElse(actsAs: String, isWelcome: Bool) async throws {
        let credentials = Credentials(
            mechanism: .plain, user: Array("joe".utf8), authorisationIdentity: Array(actsAs.utf8),
            proof: .password(Self.secret("pw")))
        #expect((try await Self.outcome(of: credentials, in: Self.joe).acceptance != nil) == isWelcome)
    }

    /// The example of RFC 2195 section 2.
    @Test(arguments: [
        ("tanstaaftanstaaf", "b913a602c7eda7a495b4e6e7334d3890", true),
        ("tanstaaftanstaaf", "b913a602c7eda7a495b4e6e7334d3891", false),
        ("tanstaaf", "b913a602c7eda7a495b4e6e7334d3890", false),
    ])
    func aChallengeIsAnswered(secret: String, digest: String, isRight: Bool) async throws {
        let challenge = Array("<1896.697170952@postoffice.reston.mci.net>".utf8)
        let credentials = Credentials(
            mechanism: .cramMD5, user: Array("tim".utf8),
            proof: .digest(Self.secret(digest), challenge: challenge))
        #expect(credentials != nil)
        let outcome = try await Self.outcome(of: credentials, in: "tim:{PLAIN}\(secret)\n")
        #expect((outcome.acceptance != nil) == isRight)
        #expect(try await Self.outcome(of: credentials, in: Self.joe).refusal != nil)
    }

    @Test func aVerifiedCertificateLetsIn() async throws {
        let external = Credentials(mechanism: .external, user: [], proof: .certificate)
        let line = "client.example.com:{EXTERNAL}\n"
        let root = TLSFile("root.pem", TestCertificates.root)
        let verified = try tlsOfClient(authorities: root)
        let outcome = try await Self.outcome(of: external, in: line, tls: verified)
        #expect(outcome.acceptance?.login == Array("client.example.com".utf8))
        #expect(try await Self.outcome(of: external, in: Self.joe, tls: verified).refusal != nil)
        #expect(try await Self.outcome(of: external, in: line, tls: tlsOfClient(authorities: nil)).refusal != nil)
        #expect(try await Self.outcome(of: external, in: line).refusal != nil)
        let other = Credentials(
            mechanism: .external, user: [], authorisationIdentity: Array("joe".utf8), proof: .certificate)
        #expect(try await Self.outcome(of: other, in: line + Self.joe, tls: verified).refusal != nil)
    }

    @Test func tokensAndStrangersAreRefused() async throws {
        let token = Credentials(mechanism: .xoauth2, user: Array("joe".utf8), proof: .token(Self.secret("pw")))
        #expect(try await Self.outcome(of: token, in: Self.joe).refusal != nil)
        #expect(try await Self.outcome(of: nil, in: Self.joe).refusal?.reply == .authenticationRequired)
    }

    @Test func aFileThatIsMissingIsNoDecision() async throws {
        let (outcome, reports) = try await Self.asking("/nonexistent/mailrace") { shard, authenticator in
            await authenticator.authenticate(
                AuthenticationAttempt(facts: sessionFacts(), credentials: .plain("joe", "pw")))
        }
        #expect(outcome.unavailability?.code == 454)
        #expect(reports == ["/nonexistent/mailrace: No such file or directory"])
    }

    @Test func aChangedFileIsReadAgain() async throws {
        let file = PasswordsFile(Self.joe)
        let (outcomes, reports) = try await Self.asking(file.path) { shard, authenticator in
            func isWelcome() async -> Bool {
                let attempt = AuthenticationAttempt(facts: sessionFacts(), credentials: .plain("joe", "pw"))
                return await authenticator.authenticate(attempt).acceptance != nil
            }
            var outcomes = [await isWelcome()]
            file.write("jim:{EXTERNAL}\n")
            outcomes.append(await isWelcome())
            file.write(Self.joe)
            outcomes.append(await isWelcome())
            // A slip shuts nobody out, and is told once.
            file.write("joe\n")
            outcomes += [await isWelcome(), await isWelcome()]
            unlink(file.path)
            outcomes.append(await isWelcome())
            file.write("")
            outcomes.append(await isWelcome())
            return outcomes
        }
        #expect(outcomes == [true, false, true, true, true, true, false])
        #expect(
            reports == [
                "\(file.path): line 1: there is no colon behind the user", "\(file.path): No such file or directory",
            ])
    }

    @Test func aFolderIsNoFile() async throws {
        let (outcome, reports) = try await Self.asking("/tmp") { shard, authenticator in
            await authenticator.authenticate(
                AuthenticationAttempt(facts: sessionFacts(), credentials: .plain("joe", "pw")))
        }
        #expect(outcome.unavailability != nil)
        #expect(reports == ["/tmp: not a regular file"])
    }

    /// Beyond the limit nobody waits: the thread is busy with the first, one waits, the rest hear so.
    @Test func hashesHaveALimit() async throws {
        let file = PasswordsFile(Self.joe)
        let codes = try await Self.asking(file.path, jobsLimit: 1) { shard, authenticator in
            var codes: [Int] = []
            let before = shard.liveTasks
            for _ in 0..<8 {
                shard.spawn {
                    let attempt = AuthenticationAttempt(facts: sessionFacts(), credentials: .plain("joe", "pw"))
                    codes.append(await authenticator.authenticate(attempt).unavailability?.code ?? 0)
                }
            }
            while shard.liveTasks > before { await shard.ring.sleep(until: shard.ring.now) }
            return codes
        }.result
        #expect(codes.count == 8)
        #expect(codes.contains(454) && codes.contains(0))
        #expect(Set(codes) == [0, 454])
    }
}
