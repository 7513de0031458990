import Ring

/// An SMTP server that takes any mail and remembers it.
final class Postbox: Sendable {
    private let doorway: Doorway
    private let kept = Kept()
    private let thread: Thread

    init() throws {
        let doorway = try Doorway()
        self.doorway = doorway
        let kept = kept
        thread = Thread.start(name: "postbox") {
            while let client = doorway.accept() {
                // One after the other: a client that goes away takes its session with it.
                try? Self.serve(client) { message in kept.messages.withLock { $0.append(message) } }
            }
        }
    }

    var port: UInt16 { doorway.port }
    /// What has arrived: the envelope and the lines of the message.
    var arrived: [String] { kept.messages.withLock { $0 } }

    func close() {
        doorway.close()
        thread.join()
    }

    private final class Kept: Sendable {
        let messages = Locked<[String]>([])
    }

    private static func serve(_ client: Connection, _ keep: (String) -> Void) throws {
        client.say("220 postbox")
        var message: [String] = []
        while let line = try client.hear() {
            switch line.prefix(4).uppercased() {
            case "DATA":
                client.say("354 go on")
                while let line = try client.hear(), line != "." { message.append(line) }
                keep(message.joined(separator: "\n"))
                message = []
                client.say("250 kept")
            case "QUIT":
                client.say("221 bye")
                return
            case "MAIL", "RCPT":
                message.append(line)
                client.say("250 ok")
            default: client.say("250 ok")
            }
        }
    }
}
