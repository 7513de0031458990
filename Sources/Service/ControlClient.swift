import CLinux
import Glibc
import Ring

/// Asks a running server for something at its control socket.
public enum ControlClient {
    public enum Outcome: Sendable, Equatable {
        /// It has been done; lines to tell.
        case done([String])
        /// It has been refused, for these reasons.
        case refused([String])
        /// Nobody is there, or nobody answers, for this reason.
        case unavailable(String)
    }

    /// For a server to reload and to tell of it.
    private static let patience = Duration.seconds(300)

    /// Has the server at `path` read its configuration anew, and waits for the outcome. Blocks.
    public static func reload(at path: String) -> Outcome {
        guard let address = SocketAddress(unix: path) else { return .unavailable("this is no path of a socket") }
        let descriptor = address.connectedNow()
        guard descriptor >= 0 else { return .unavailable(systemErrorText(-descriptor)) }
        defer { linux_close(descriptor) }
        let connection = ControlConnection(descriptor, Interruption())
        guard connection.write(ControlProtocol.reload + "\n", within: patience),
            let answer = connection.readToEnd(within: patience)
        else { return .unavailable("no answer") }
        var lines = answer.split(separator: "\n").map(String.init)
        switch lines.popLast() {
        case ControlProtocol.done: return .done(lines)
        case ControlProtocol.failed: return .refused(lines)
        case ControlProtocol.ending: return .unavailable("the server is ending")
        default: return .unavailable("no complete answer; the server's log may tell more")
        }
    }
}
