import Glibc
import Relay
import Ring
import Telemetry
import TestSupport
import Testing

extension RelaySuites {
    /// What happens where there is too much of something.
    @Suite struct LimitTests {
        static let refusal = "421 4.3.2 Too many sessions, try again later\r\n"

        @Test func aClientTooManyIsToldAndAnotherHasItsPlace() throws {
            try withRelay(Setup { $0.limits.sessionsMax = 2 }) { relay in
                let first = try Dialogue(relay, upTo: .greeted)
                let second = try Dialogue(relay, upTo: .mailAnswered)
                let third = try relay.client()
                try third.expect(Self.refusal)
                try third.expectEnd()
                #expect(relay[.sessionsRefused] == 1)
                #expect(relay[.sessions] == 2)
                try second.quit()
                _ = try relay.record()
                _ = try Dialogue(relay, upTo: .greeted)
                try first.say(Dialogue.ehlo)
            }
        }

        @Test func onlySomeAreToldAtATime() throws {
            try withRelay(Setup { $0.limits.sessionsMax = 0 }) { relay in
                let clients = try (0..<20).map { _ in try relay.client() }
                for (number, client) in clients.enumerated() {
                    if number < 16 { try client.expect(Self.refusal) }
                    try client.expectEnd()
                }
                #expect(relay[.sessionsRefused] == 20)
                for client in clients { client.close() }
                while relay.remains.tasks > 0 { sched_yield() }
                try relay.client().expect(Self.refusal)
            }
        }

        @Test func acceptingPausesWhileDescriptorsAreShort() async {
            await #expect(processExitsWith: .success) {
                // Before the relay begins: the kernel remembers the limit with the operation that accepts.
                Descriptors.limit(to: 256)
                try withRelay { relay in
                    let before = try Dialogue(relay, upTo: .mailAnswered)
                    let client = relay.remembered(try Peer())
                    let fillers = Descriptors.takeAll()
                    try client.connect(port: relay.address.port)
                    _ = try relay.log.message("accepting pauses")
                    // Who is there lives on.
                    try before.exchange("NOOP\r\n", "250 Ok\r\n")
                    for filler in fillers { close(filler) }
                    let upstream = try relay.upstream()
                    try upstream.send(Dialogue.greeting)
                    try client.expect(Dialogue.greeting)
                }
            }
        }
    }
}
