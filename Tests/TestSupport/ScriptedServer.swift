public import Ring

/// A server that a test has by a script: each connection, one after the other, goes by one of its own.
public final class ScriptedServer: Sendable {
    public typealias Script = @Sendable (Peer) throws -> Void

    public let address: SocketAddress
    private let thread: Thread
    private let failures = Failures()

    private final class Failures: Sendable {
        let list = Locked<[String]>([])
    }

    public init(_ scripts: [Script]) throws {
        let server = try LoopbackServer()
        address = server.address
        thread = Thread.start(name: "scripted server") { [failures] in
            for (number, script) in scripts.enumerated() {
                do {
                    let peer = try server.accept()
                    defer { peer.close() }
                    try script(peer)
                } catch {
                    failures.list.withLock { $0.append("connection \(number + 1): \(error)") }
                }
            }
        }
    }

    /// What has not gone by the scripts, once they are over.
    public func finish() -> [String] {
        thread.join()
        return failures.list.withLock { $0 }
    }
}
