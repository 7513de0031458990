import Lookup
import Policy
import Ring
import TestSupport
import Testing
import Wire

/// Auth servers that do not answer, or not well.
@Suite struct HTTPFailureTests {
    private static let yes = HTTPPeer.answer("Auth-Status: OK", "Auth-Server: 192.0.2.9", "Auth-Port: 2525")

    @Test(arguments: [true, false])
    func nobodyThereIsNoDecision(authenticates: Bool) async throws {
        let address = try LoopbackServer.closedAddress()
        let outcome = try await outcome(of: authenticates ? .plain("a", "b") : nil, asking: ["http://\(address)/"])
        #expect(outcome.unavailability?.code == (authenticates ? 454 : 451))
        #expect(outcome.unavailability?.because == "no connection: Connection refused")
    }

    @Test(arguments: [
        "", "garbage\r\n", "garbage\r\n\r\n", "HTTP/1.0 200 OK\r\nAuth-Status: OK\r\n", "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Server: 192.0.2.9\r\nAuth-Port: 25", "\r\n\r\n", "HTTP/9.9\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nAuth-Status: OK\r\nAuth-Server: 192.0.2.9\r\nAuth-Port: 25\r\n\r\n",
    ])
    func garbageIsNoDecision(text: String) async throws {
        let outcome = try await outcome(of: .plain("a", "b")) { _ in [.send(text), .close] }.outcome
        #expect(outcome.unavailability?.code == 454)
    }

    @Test func aFloodIsNoDecision() async throws {
        let line = "X: " + String(repeating: "x", count: 997) + "\r\n"
        let text = "HTTP/1.0 200 OK\r\n" + String(repeating: line, count: 10 << 10)
        let outcome = try await outcome(of: .plain("a", "b")) { _ in [.send(text), .close] }.outcome
        #expect(outcome.unavailability?.because == "the answer is too large")
    }

    @Test func silenceIsNoDecision() async throws {
        let (outcome, requests) = try await outcome(of: .plain("a", "b"), { $0.timeout = .milliseconds(500) }) { _ in
            [.send("HTTP/1.0 200 OK\r\nAuth-Status: OK\r\n"), .silence]
        }
        #expect(outcome.unavailability?.because == "no answer in time")
        #expect(requests.count == 1)
    }

    /// Body or not, its end is not waited for.
    @Test func aDecisionDoesNotWaitForTheBody() async throws {
        let text = "HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Server: 192.0.2.9\r\nAuth-Port: 25\r\n\r\nsome"
        let outcome = try await outcome(of: .plain("a", "b")) { _ in [.send(text), .silence] }.outcome
        #expect(outcome.acceptance != nil)
    }

    @Test func theNextServerIsAsked() async throws {
        let dead = try LoopbackServer.closedAddress()
        let rude = try HTTPPeer { _ in [.close] }
        let good = try HTTPPeer { _ in Self.yes }
        let servers = ["http://\(dead)/", "http://\(rude.address)/", "http://\(good.address)/"]
        let outcomes = try await withHTTPAuthenticator(asking: servers) { shard, authenticator in
            var outcomes: [Bool] = []
            for _ in 0..<3 {
                let attempt = AuthenticationAttempt(facts: sessionFacts(), credentials: nil)
                outcomes.append(await authenticator.authenticate(attempt).acceptance != nil)
            }
            return outcomes
        }
        #expect(outcomes == [true, true, true])
        // Those that gave no answer are left alone for a while.
        #expect(rude.requests.count == 1)
        #expect(good.requests.count == 3)
        #expect(good.connections == 1)
    }

    @Test func allServersAreAskedWhereAllAreDown() async throws {
        let first = try HTTPPeer { $0.number == 1 ? [.close] : Self.yes }
        let second = try HTTPPeer { _ in [.close] }
        let servers = ["http://\(first.address)/", "http://\(second.address)/"]
        let outcomes = try await withHTTPAuthenticator(asking: servers) { shard, authenticator in
            var outcomes: [Bool] = []
            for _ in 0..<2 {
                let attempt = AuthenticationAttempt(facts: sessionFacts(), credentials: nil)
                outcomes.append(await authenticator.authenticate(attempt).acceptance != nil)
            }
            return outcomes
        }
        #expect(outcomes == [false, true])
        #expect(second.requests.count == 1)
    }

    @Test func aStalledServerTakesItsShareOfTheTime() async throws {
        let stalled = try HTTPPeer { _ in [.silence] }
        let good = try HTTPPeer { _ in Self.yes }
        let outcome = try await outcome(
            of: nil, asking: ["http://\(stalled.address)/", "http://\(good.address)/"], { $0.timeout = .seconds(3) })
        #expect(outcome.acceptance != nil)
    }

    /// Dies between two sessions: its connection is gone when the second one comes.
    @Test func aServerMayDieBetweenTwoSessions() async throws {
        let peer = try HTTPPeer { _ in Self.yes + [.close] }
        let outcomes = try await withHTTPAuthenticator(asking: ["http://\(peer.address)/"]) { shard, authenticator in
            var outcomes: [Bool] = []
            for _ in 0..<3 {
                let attempt = AuthenticationAttempt(facts: sessionFacts(), credentials: .plain("a", "b"))
                outcomes.append(await authenticator.authenticate(attempt).acceptance != nil)
            }
            return outcomes
        }
        #expect(outcomes == [true, true, true])
    }

    @Test func aQuestionIsTakenBack() async throws {
        let peer = try HTTPPeer { _ in [.silence] }
        let outcome = try await withHTTPAuthenticator(asking: ["http://\(peer.address)/"]) { shard, authenticator in
            let cancellation = Cancellation()
            let ring = shard.ring
            shard.spawn {
                while peer.requests.isEmpty { await ring.sleep(until: ring.now) }
                cancellation.cancel()
            }
            return await authenticator.authenticate(
                AuthenticationAttempt(facts: sessionFacts(), credentials: nil, cancellation: cancellation))
        }
        #expect(outcome.unavailability?.because == "taken back")
    }
}
