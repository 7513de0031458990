import Gatehouse
import Glibc
import Ring
import Service
import Settings
import Testing

/// Mailrace within this process, between its clients and a `Postbox`.
private final class Rig {
    let postbox: Postbox
    let running: Mailrace.Running
    private let outcome = BlockingQueue<Server.Outcome>(limit: 1)
    private let thread: Thread

    init() throws {
        postbox = try Postbox()
        let sources = SettingsSources(text: Self.configuration(postbox.port))
        let gatehouse = Gatehouse(staff: ["joe": "secret"], unwanted: ["spam.example"])
        let started = BlockingQueue<Result<Mailrace.Running, Server.StartFailure>>(limit: 1)
        thread = Thread.start(name: "mailrace") { [outcome] in
            do throws(Server.StartFailure) {
                let result = try Mailrace.run(sources, gatehouse.policies, takesSignals: false) { running in
                    _ = started.push(.success(running))
                }
                _ = outcome.push(result)
            } catch { _ = started.push(.failure(error)) }
        }
        guard let result = started.pop() else { preconditionFailure("the queue is never closed") }
        running = try result.get()
    }

    private static func configuration(_ port: UInt16) -> String {
        """
        hostname = "gate.example"
        [runtime]
        shards = 2
        control_socket = ""
        [admin]
        listen = ""
        [log]
        level = "error"
        [listener.gate]
        listen = ["127.0.0.1:0"]
        depth = "envelope"
        upstream = "postbox"
        [listener.gate.auth]
        authenticator = "staff"
        require = true
        before_tls = true
        [listener.lobby]
        listen = ["127.0.0.1:0"]
        depth = "envelope"
        upstream = "postbox"
        [authenticator.staff]
        type = "program"
        [upstream.postbox]
        servers = ["127.0.0.1:\(port)"]
        tls = "off"
        health = { probe = "off" }
        """
    }

    /// One that has said EHLO.
    func client(of listener: String) throws -> Connection {
        let address = running.addresses.first { $0.listener == listener }?.address
        let client = try Connection(to: try #require(address).port)
        #expect(try client.reply().hasPrefix("220 gate.example"))
        #expect(try client.ask("EHLO client.example").hasPrefix("250 "))
        return client
    }

    /// Tells Mailrace to end, and waits until it has.
    func end() -> Server.Outcome? {
        running.drain()
        running.drain()  // Means nothing more.
        let result = outcome.pop()
        thread.join()
        postbox.close()
        return result
    }
}

@Suite(.serialized) struct GatehouseTests {
    @Test("The program's authenticator decides who may send")
    func authenticates() throws {
        let rig = try Rig()
        let stranger = try rig.client(of: "gate")
        #expect(try stranger.ask("MAIL FROM:<a@example.com>").hasPrefix("530 5.7.0"))
        // joe, with a password that is not his.
        #expect(try stranger.ask("AUTH PLAIN AGpvZQBndWVzcw==").hasPrefix("535 5.7.8"))

        let client = try rig.client(of: "gate")
        #expect(try client.ask("AUTH PLAIN AGpvZQBzZWNyZXQ=").hasPrefix("235 2.7.0"))
        #expect(try client.ask("MAIL FROM:<joe@example.com>").hasPrefix("250"))
        #expect(try client.ask("RCPT TO:<ann@example.com>").hasPrefix("250"))
        #expect(try client.ask("DATA").hasPrefix("354"))
        #expect(try client.ask("Subject: through the gate\r\n\r\nHello\r\n.") == "250 kept")
        #expect(try client.ask("QUIT").hasPrefix("221"))
        let message = "MAIL FROM:<joe@example.com>\nRCPT TO:<ann@example.com>\nSubject: through the gate\n\nHello"
        #expect(rig.postbox.arrived == [message])
        client.leave()
        #expect(rig.end() == .drained)
        #expect(try stranger.reply().hasPrefix("421 4.3.2"))
    }

    @Test("The program's check is asked at its stage")
    func checks() throws {
        let rig = try Rig()
        let client = try rig.client(of: "lobby")
        #expect(try client.ask("MAIL FROM:<a@SPAM.example>").hasPrefix("550 5.7.1 No mail from there"))
        #expect(try client.ask("MAIL FROM:<a@example.com>").hasPrefix("250"))
        #expect(try client.ask("RCPT TO:<ann@example.com>") == "250 ok")
        #expect(rig.running.reload().isEmpty)
        let next = try rig.client(of: "lobby")
        #expect(try next.ask("MAIL FROM:<a@spam.example>").hasPrefix("550 5.7.1 No mail from there"))
        for client in [client, next] { client.leave() }
        #expect(rig.end() == .drained)
    }

    @Test("A name in the configuration that the program brings nothing for is a problem of it")
    func lacksAuthenticator() throws {
        let text = """
            [listener.gate]
            listen = ["127.0.0.1:0"]
            depth = "envelope"
            upstream = "postbox"
            [authenticator.guests]
            type = "program"
            [upstream.postbox]
            servers = ["127.0.0.1:1"]
            """
        let failure = #expect(throws: Server.StartFailure.self) {
            try Mailrace.run(SettingsSources(text: text), ProgramPolicies(), takesSignals: false)
        }
        guard case .configuration(let problems) = failure else { throw Failure(text: "that is no problem of it") }
        #expect(problems.description.hasPrefix("configuration:6:8: authenticator.guests.type: \"program\" is for"))
    }
}
