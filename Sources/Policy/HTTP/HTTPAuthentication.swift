public import Lookup
import Ring

/// How an authenticator of the type `http` asks.
public struct HTTPAuthentication: Sendable {
    /// From the configuration.
    public var name: String
    /// Asked in this order: the next one where there is no answer.
    public var servers: [HTTPServer]
    /// For a decision, however many servers are asked; time that an answer has the client wait is not counted.
    public var timeout = Duration.seconds(60)
    /// Sent behind Mailrace's own, in order.
    public var fields: [(name: String, value: String)] = []
    /// The client's certificate is sent along.
    public var passesClientCertificate = false
    /// A yes names the server to go to. Where it need not, one that does not is for the listener's own upstream, and
    /// has to say `Auth-Status: OK`.
    public var needsServer = true
    /// For how long a server that gave no answer is asked only where no other is left.
    public var pauseAfterFailure = Duration.seconds(10)

    public init(name: String, servers: [HTTPServer]) {
        self.name = name
        self.servers = servers
    }
}
