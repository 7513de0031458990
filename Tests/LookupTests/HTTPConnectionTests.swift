import Glibc
import Lookup
import Ring
import TLS
import TestCertificates
import TestSupport
import Testing
import Wire

/// Names, TLS, deadlines, and the end of a client.
@Suite struct HTTPConnectionTests {
    /// A file with these authorities, for as long as this lives.
    private final class AuthoritiesFile: Sendable {
        let path: String

        init(_ text: String) {
            var template = Array("/tmp/mailrace-authorities-XXXXXX".utf8CString)
            let descriptor = mkstemp(&template)
            path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
            Glibc.close(descriptor)
            write(text)
        }

        /// Has the file hold this in place of what it held.
        func write(_ text: String) {
            let descriptor = open(path, O_WRONLY | O_TRUNC)
            _ = text.withCString { Glibc.write(descriptor, $0, strlen($0)) }
            Glibc.close(descriptor)
        }

        deinit { unlink(path) }
    }

    // MARK: TLS

    @Test(arguments: ["127.0.0.1", "localhost"])
    func aServerIsVerified(host: String) async throws {
        let peer = try HTTPPeer(tls: .test) { HTTPPeer.answer("N: \($0.number)") }
        let file = AuthoritiesFile(TestCertificates.root)
        let answers = try await withHTTPClient(names: [], { $0.authoritiesFile = file.path }) { shard, client in
            var answers: [String?] = []
            for _ in 0..<3 {
                let outcome = await client.outcome(at: "https://\(host):\(peer.port)/", on: shard.ring)
                answers.append(outcome.answer?.text(of: "n"))
            }
            return answers
        }
        #expect(answers == ["1", "2", "3"])
        #expect(peer.connections == 1)
    }

    @Test func aServerThatNobodyVouchesForIsNotAsked() async throws {
        let peer = try HTTPPeer(tls: .test) { _ in HTTPPeer.answer() }
        let outcome = try await withHTTPClient { shard, client in
            await client.outcome(at: "https://127.0.0.1:\(peer.port)/", on: shard.ring)
        }
        guard case .insecure = outcome.error else {
            Issue.record("\(outcome)")
            return
        }
        #expect(peer.requests.isEmpty)
    }

    @Test func aServerOfAnotherNameIsNotAsked() async throws {
        let peer = try HTTPPeer(tls: .test) { _ in HTTPPeer.answer() }
        let file = AuthoritiesFile(TestCertificates.root)
        let names = try DNSServer { $0.type == .a ? [$0.answer([.a([127, 0, 0, 1])])] : [$0.answer()] }
        let outcome = try await withHTTPClient(names: [names], { $0.authoritiesFile = file.path }) { shard, client in
            await client.outcome(at: "https://other.example:\(peer.port)/", on: shard.ring)
        }
        guard case .insecure = outcome.error else {
            Issue.record("\(outcome)")
            return
        }
        #expect(peer.requests.isEmpty)
    }

    /// libcurl keeps what a file says only where no directory of the system's vouches as well.
    @Test(arguments: [0, 3600]) func authoritiesVouchForAsLongAsTheyAreKept(seconds: Int) async throws {
        let peer = try HTTPPeer(tls: .test) { _ in HTTPPeer.answer("Connection: close") + [.close] }
        let file = AuthoritiesFile(TestCertificates.root)
        let change: @Sendable (inout HTTPConfiguration) -> Void = { configuration in
            configuration.authoritiesFile = file.path
            configuration.authoritiesLifetime = .seconds(seconds)
        }
        let outcomes = try await withHTTPClient(change) { shard, client in
            let before = await client.outcome(at: "https://127.0.0.1:\(peer.port)/", on: shard.ring)
            file.write(TestCertificates.otherRoot)
            return (before, await client.outcome(at: "https://127.0.0.1:\(peer.port)/", on: shard.ring))
        }
        #expect(outcomes.0.answer?.status == 200)
        if case .insecure = outcomes.1.error {
            #expect(seconds == 0)
        } else {
            #expect(outcomes.1.answer?.status == 200 && seconds > 0)
        }
    }

    @Test func verificationMayBeLeftOut() async throws {
        let peer = try HTTPPeer(tls: .test) { _ in HTTPPeer.answer() }
        let outcome = try await withHTTPClient({ $0.verifies = false }) { shard, client in
            await client.outcome(at: "https://127.0.0.1:\(peer.port)/", on: shard.ring)
        }
        #expect(outcome.answer?.status == 200)
    }

    @Test func aServerWithoutTLSIsSaid() async throws {
        let peer = try HTTPPeer { _ in HTTPPeer.answer() }
        let outcome = try await withHTTPClient { shard, client in
            await client.outcome(at: "https://127.0.0.1:\(peer.port)/", on: shard.ring)
        }
        guard case .insecure = outcome.error else {
            Issue.record("\(outcome)")
            return
        }
    }

    /// How far the two ends are.
    private final class Stage: Sendable {
        let isHeard = Locked(false)
        let isSaid = Locked(false)
    }

    /// What comes on a connection that waits for its next request is no answer to that.
    @Test(arguments: [false, true]) func anAnswerTooManyIsNobodys(isSecure: Bool) async throws {
        let stage = Stage()
        let peer = try HTTPPeer(tls: isSecure ? .test : nil) { request in
            let answer = HTTPPeer.answer("N: \(request.number)")
            guard request.number == 1 else { return answer }
            return answer
                + [.run { while !stage.isHeard.withLock({ $0 }) { usleep(1_000) } }] + answer
                + [.run { stage.isSaid.withLock { $0 = true } }]
        }
        let url = "\(isSecure ? "https" : "http")://127.0.0.1:\(peer.port)/"
        let answers = try await withHTTPClient({ $0.verifies = false }) { shard, client in
            var answers: [String?] = []
            for _ in 0..<3 {
                let outcome = await client.outcome(at: url, on: shard.ring)
                answers.append(outcome.answer?.text(of: "n"))
                stage.isHeard.withLock { $0 = true }
                #expect(await shard.ring.eventually { stage.isSaid.withLock { $0 } })
            }
            return answers
        }
        #expect(answers == ["1", "2", "3"])
        #expect(peer.connections == 2)
    }

    // MARK: Names

    @Test func aNameIsLookedUpAndKept() async throws {
        let peer = try HTTPPeer { _ in HTTPPeer.answer() }
        let names = try DNSServer { $0.type == .a ? [$0.answer([.a([127, 0, 0, 1], seconds: 600)])] : [$0.answer()] }
        let statuses = try await withHTTPClient(names: [names]) { shard, client in
            var statuses: [Int?] = []
            for _ in 0..<3 {
                let outcome = await client.outcome(at: "http://auth.example:\(peer.port)/", on: shard.ring)
                statuses.append(outcome.answer?.status)
            }
            return statuses
        }
        #expect(statuses == [200, 200, 200])
        #expect(names.questions == 2)
        #expect(peer.connections == 1)
        #expect(peer.requests.first?.values("Host") == ["auth.example:\(peer.port)"])
    }

    /// The first address leads nowhere.
    @Test func everyAddressIsTried() async throws {
        let peer = try HTTPPeer { _ in HTTPPeer.answer() }
        let names = try DNSServer {
            $0.type == .a ? [$0.answer([.a([127, 0, 0, 2]), .a([127, 0, 0, 1])])] : [$0.answer()]
        }
        let outcome = try await withHTTPClient(names: [names]) { shard, client in
            await client.outcome(at: "http://auth.example:\(peer.port)/", on: shard.ring)
        }
        #expect(outcome.answer?.status == 200)
    }

    @Test func aNameThatDoesNotExistIsSaid() async throws {
        let names = try DNSServer { [$0.answer(code: .noSuchName)] }
        let outcome = try await withHTTPClient(names: [names]) { shard, client in
            await client.outcome(at: "http://auth.example/", on: shard.ring)
        }
        #expect(outcome.error == .unreachable("auth.example: no such name"))
    }

    @Test func withoutAResolverThereAreNoNames() async throws {
        let outcome = try await withHTTPClient { shard, client in
            await client.outcome(at: "http://auth.example/", on: shard.ring)
        }
        #expect(outcome.error == .unreachable("no resolver for auth.example"))
    }

    // MARK: Ends

    @Test func aDeadlineEndsARequest() async throws {
        let peer = try HTTPPeer { _ in [.silence] }
        try await withHTTPClient { shard, client in
            let ring = shard.ring
            let deadline = ring.now + .milliseconds(60)
            #expect(await client.outcome(at: peer.url, on: ring, deadline: deadline).error == .timedOut)
            #expect(ring.now >= deadline)
            #expect(client.requestsInFlight == 0)
            #expect(await client.outcome(at: peer.url, on: ring, deadline: ring.now).error == .timedOut)
        }
    }

    @Test func aConnectionHasADeadlineOfItsOwn() async throws {
        let (server, filler) = try LoopbackServer.full()
        defer { filler.close() }
        try await withHTTPClient({ $0.connectTimeout = .milliseconds(50) }) { shard, client in
            let outcome = await client.outcome(at: "http://\(server.address)/", on: shard.ring)
            #expect(outcome.error == .timedOut)
        }
    }

    @Test func aRequestIsTakenBack() async throws {
        let peer = try HTTPPeer { _ in [.silence] }
        try await withHTTPClient { shard, client in
            let ring = shard.ring
            let cancellation = Cancellation()
            await together(
                shard,
                [
                    {
                        let outcome = await client.outcome(at: peer.url, on: ring, cancellation: cancellation)
                        #expect(outcome.error == .cancelled)
                    },
                    {
                        #expect(await ring.eventually { !peer.requests.isEmpty })
                        cancellation.cancel()
                        cancellation.cancel()
                    },
                ])
            #expect(client.requestsInFlight == 0)
            #expect(
                await client.outcome(at: peer.url, on: ring, cancellation: cancellation).error == .cancelled)
        }
        #expect(peer.requests.count == 1)
    }

    @Test func aLookupIsTakenBackToo() async throws {
        let names = try DNSServer { _ in [] }
        try await withHTTPClient(names: [names]) { shard, client in
            let ring = shard.ring
            let cancellation = Cancellation()
            await together(
                shard,
                [
                    {
                        let outcome = await client.outcome(
                            at: "http://auth.example/", on: ring, cancellation: cancellation)
                        #expect(outcome.error == .cancelled)
                    },
                    {
                        #expect(await ring.eventually { names.questions > 0 })
                        cancellation.cancel()
                    },
                ])
        }
    }

    @Test func aDrainEndsEveryWait() async throws {
        let peer = try HTTPPeer { $0.number <= 3 ? [.silence] : HTTPPeer.answer() }
        try await withHTTPClient { shard, client in
            let ring = shard.ring
            var errors: [HTTPError?] = []
            await together(
                shard,
                (0..<3).map { _ in { errors.append(await client.outcome(at: peer.url, on: ring).error) } } + [
                    {
                        #expect(await ring.eventually { peer.requests.count == 3 })
                        client.giveUp()
                    }
                ])
            #expect(errors == [.cancelled, .cancelled, .cancelled])
            #expect(await client.outcome(at: peer.url, on: ring).answer != nil)
        }
    }

    @Test func closingEndsEveryWait() async throws {
        let peer = try HTTPPeer { _ in [.silence] }
        try await withHTTPClient { shard, client in
            let ring = shard.ring
            await together(
                shard,
                [
                    { #expect(await client.outcome(at: peer.url, on: ring).error == .closed) },
                    {
                        #expect(await ring.eventually { !peer.requests.isEmpty })
                        client.close()
                        client.close()
                    },
                ])
            #expect(await client.outcome(at: peer.url, on: ring).error == .closed)
        }
    }

    @Test func requestsInFlightHaveALimit() async throws {
        let peer = try HTTPPeer { _ in [.silence] }
        try await withHTTPClient({ $0.requestsLimit = 1 }) { shard, client in
            let ring = shard.ring
            await together(
                shard,
                [
                    { #expect(await client.outcome(at: peer.url, on: ring).error == .cancelled) },
                    {
                        #expect(await ring.eventually { !peer.requests.isEmpty })
                        #expect(await client.outcome(at: peer.url, on: ring).error == .tooManyRequests)
                        client.giveUp()
                    },
                ])
        }
    }

    /// A body that nobody wants and that does not end: its connection goes, its answer does not.
    @Test func aLeftoverIsGivenUp() async throws {
        let peer = try HTTPPeer { _ in [.send("HTTP/1.1 200 OK\r\n\r\nmore"), .silence] }
        try await withHTTPClient({ $0.leftoverTimeout = .milliseconds(20) }) { shard, client in
            var request = HTTPRequest()
            request.wantsHeaderAlone = true
            #expect(await client.outcome(of: request, at: peer.url, on: shard.ring).answer != nil)
            #expect(await shard.ring.eventually { client.requestsInFlight == 0 })
        }
    }

    /// No descriptor is left of many requests of all kinds.
    @Test func manyRequestsLeaveNothing() async throws {
        let peer = try HTTPPeer { request in
            switch request.number % 4 {
            case 0: [.reset]
            case 1: [.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), .close]
            case 2: HTTPPeer.answer(body: "x") + [.close]
            default: HTTPPeer.answer(body: "x")
            }
        }
        for _ in 0..<3 {
            try await withHTTPClient { shard, client in
                for _ in 0..<40 { _ = await client.outcome(at: peer.url, on: shard.ring) }
                #expect(client.requestsInFlight == 0)
            }
        }
    }
}
