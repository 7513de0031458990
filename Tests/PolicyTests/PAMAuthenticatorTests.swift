import Glibc
import Lookup
import Policy
import Ring
import TestSupport
import Testing
import Wire

/// What PAM says, by services of the test's own.
@Suite struct PAMAuthenticatorTests {
    /// Files of services, and a script, that go with this.
    private final class Services: Sendable {
        let folder = "/tmp/mailrace-pam-\(UInt64.random(in: 0 ..< .max))"
        private let names = Locked<[String]>([])

        init() { mkdir(folder, 0o700) }

        deinit {
            for name in names.withLock({ $0 }) { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }

        func path(_ name: String) -> String { "\(folder)/\(name)" }

        func write(_ name: String, _ text: String) {
            names.withLock { $0.append(name) }
            let descriptor = open(path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o700)
            _ = text.withCString { Glibc.write(descriptor, $0, strlen($0)) }
            close(descriptor)
        }

        /// A script that ends well where all is as it should be, and has its standard input from PAM: the password.
        func writeService(running script: String) {
            write("script", "#!/bin/sh\n\(script)\n")
            write(
                "service",
                """
                auth optional pam_echo.so hello
                auth required pam_exec.so quiet expose_authtok \(path("script"))
                account required pam_permit.so

                """)
        }
    }

    private final class Flag: Sendable {
        private let state = Locked(false)
        var isSet: Bool { state.withLock { $0 } }
        func set() { state.withLock { $0 = true } }
    }

    private static func outcome(
        of credentials: Credentials?, in services: Services, service: String = "service",
        timeout: Duration = .seconds(30), from client: SocketAddress = SocketAddress(octets: [192, 0, 2, 1], port: 9),
        isTakenBack: Bool = false
    ) async throws -> AuthenticationOutcome {
        let offload = Offload(threads: 1)
        defer { offload.close(within: .zero) }
        return try await onShard { shard in
            let authenticator = PAMAuthenticator(
                "staff", service: service, in: services.folder, timeout: timeout, on: shard.ring, offload)
            let attempt = AuthenticationAttempt(facts: sessionFacts(from: client), credentials: credentials)
            if isTakenBack { attempt.cancellation.cancel() }
            return await authenticator.authenticate(attempt)
        }
    }

    private static func outcome(_ auth: String, _ account: String = "pam_permit.so") async throws
        -> AuthenticationOutcome
    {
        let services = Services()
        services.write("service", "auth required \(auth)\naccount required \(account)\n")
        return try await outcome(of: .plain("joe", "pw"), in: services)
    }

    @Test func aYesLetsIn() async throws {
        let acceptance = try await Self.outcome("pam_permit.so").acceptance
        #expect(acceptance?.login == Array("joe".utf8) && acceptance?.server == nil)
    }

    @Test(arguments: [
        ("pam_deny.so", "pam_permit.so"), ("pam_permit.so", "pam_deny.so"),
        ("pam_debug.so auth=user_unknown", "pam_permit.so"), ("pam_debug.so auth=maxtries", "pam_permit.so"),
        ("pam_debug.so auth=perm_denied", "pam_permit.so"), ("pam_permit.so", "pam_debug.so acct=acct_expired"),
        ("pam_permit.so", "pam_debug.so acct=new_authtok_reqd"),
        ("pam_permit.so", "pam_debug.so acct=authtok_expired"),
    ])
    func aNoRefuses(auth: String, account: String) async throws {
        #expect(try await Self.outcome(auth, account).refusal == Refusal(reply: .authenticationFailed))
    }

    @Test(arguments: [
        ("pam_nosuchmodule.so", "Module is unknown"),
        ("pam_debug.so auth=authinfo_unavail", "Authentication service cannot retrieve authentication info"),
        ("pam_debug.so auth=system_err", "System error"),
    ])
    func whatIsNoDecisionIsUnavailable(auth: String, reason: String) async throws {
        let unavailability = try await Self.outcome(auth).unavailability
        #expect(unavailability?.code == 454 && unavailability?.because == reason)
    }

    @Test func aServiceThatIsMissingIsNoDecision() async throws {
        #expect(try await Self.outcome(of: .plain("joe", "pw"), in: Services()).unavailability?.code == 454)
    }

    @Test(arguments: [("joe", "secret", true), ("joe", "Secret", false), ("jim", "secret", false)])
    func theModulesSeeWhatWasShown(user: String, password: String, isRight: Bool) async throws {
        let services = Services()
        services.writeService(
            running: #"[ "$(tr -d '\000')" = secret ] && [ "$PAM_USER $PAM_RHOST" = "joe 192.0.2.1" ]"#)
        let outcome = try await Self.outcome(of: .plain(user, password), in: services)
        #expect((outcome.acceptance != nil) == isRight, "\(outcome)")
    }

    /// A client at a Unix socket has no address.
    @Test func thereMayBeNoAddress() async throws {
        let services = Services()
        services.writeService(running: #"[ -z "$PAM_RHOST" ]"#)
        let client = try #require(SocketAddress(unix: "/run/client"))
        #expect(try await Self.outcome(of: .plain("joe", "pw"), in: services, from: client).acceptance != nil)
    }

    /// No module is asked: this service would let in.
    @Test func whatShowsNoPasswordIsRefused() async throws {
        let services = Services()
        services.write("service", "auth required pam_permit.so\naccount required pam_permit.so\n")
        func refusal(_ credentials: Credentials?) async throws -> Refusal? {
            try await Self.outcome(of: credentials, in: services).refusal
        }
        let secret = Secret(copying: Array("pw".utf8))
        let joe = Array("joe".utf8)
        #expect(try await refusal(nil)?.reply == .authenticationRequired)
        let token = Credentials(mechanism: .xoauth2, user: joe, proof: .token(secret))
        #expect(token != nil)
        #expect(try await refusal(token) != nil)
        #expect(try await refusal(Credentials(mechanism: .external, user: joe, proof: .certificate)) != nil)
        #expect(try await refusal(.plain("", "pw")) != nil)
        let other = Credentials(
            mechanism: .plain, user: joe, authorisationIdentity: Array("jim".utf8), proof: .password(secret))
        #expect(other != nil)
        #expect(try await refusal(other) != nil)
    }

    /// With one inside, PAM would look at what stands before it.
    @Test func nothingWithANULIsShown() {
        let (good, bad) = (Array("joe".utf8), Array("joe\0".utf8))
        #expect(Credentials(mechanism: .plain, user: bad, proof: .password(Secret(copying: good))) == nil)
        #expect(Credentials(mechanism: .plain, user: good, proof: .password(Secret(copying: bad))) == nil)
    }

    /// The only thread is busy, and one question waits for it: the next hears so at once, and that one in time.
    @Test func threadsAndTimeHaveLimits() async throws {
        let services = Services()
        services.write("service", "auth required pam_permit.so\naccount required pam_permit.so\n")
        let offload = Offload(threads: 1, jobsLimit: 1)
        let begun = Flag()
        let gate = BlockingQueue<Int>(limit: 1)
        let reasons = try await onShard { shard in
            let authenticator = PAMAuthenticator(
                "staff", service: "service", in: services.folder, timeout: .seconds(1), on: shard.ring, offload)
            var reasons: [String?] = []
            shard.spawn {
                _ = try? await offload.run {
                    begun.set()
                    return gate.pop()
                }
            }
            while !begun.isSet { await shard.ring.sleep(until: shard.ring.now) }
            let before = shard.liveTasks
            for _ in 0..<2 {
                shard.spawn {
                    let attempt = AuthenticationAttempt(facts: sessionFacts(), credentials: .plain("joe", "pw"))
                    reasons.append(await authenticator.authenticate(attempt).unavailability?.because)
                }
            }
            while shard.liveTasks > before { await shard.ring.sleep(until: shard.ring.now) }
            gate.close()
            while shard.liveTasks >= before { await shard.ring.sleep(until: shard.ring.now) }
            return reasons
        }
        #expect(reasons == ["too many questions to PAM wait", "no answer in time"])
        offload.close()
    }

    @Test func aQuestionMayBeTakenBack() async throws {
        let services = Services()
        services.write("service", "auth required pam_permit.so\naccount required pam_permit.so\n")
        let outcome = try await Self.outcome(of: .plain("joe", "pw"), in: services, isTakenBack: true)
        #expect(outcome.unavailability?.code == 454)
    }
}
