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
        /// Something that it needs is not there, for these reasons.
        case failed([String])
        /// Nobody is there, or nobody answers, for this reason.
        case unavailable(String)
    }

    /// For a server to do it and to tell of it.
    private static let patience = Duration.seconds(300)

    /// What a server can be asked for.
    public enum Request: Sendable {
        /// To read its configuration anew.
        case reload
        /// To have its program, started anew, take its place.
        case upgrade

        fileprivate var line: String {
            switch self {
            case .reload: ControlProtocol.reload
            case .upgrade: ControlProtocol.upgrade
            }
        }
    }

    /// Asks the server at `path`, and waits for the outcome. Blocks.
    public static func ask(_ request: Request, at path: String) -> Outcome {
        guard let address = SocketAddress(unix: path) else { return .unavailable("this is no path of a socket") }
        let descriptor = address.connectedNow()
        guard descriptor >= 0 else { return .unavailable(systemErrorText(-descriptor)) }
        defer { linux_close(descriptor) }
        let connection = ControlConnection(descriptor, Interruption())
        guard connection.write(request.line + "\n", within: patience),
            let answer = connection.readToEnd(within: patience)
        else { return .unavailable("no answer") }
        var lines = answer.split(separator: "\n").map(String.init)
        switch lines.popLast() {
        case ControlProtocol.done: return .done(lines)
        case ControlProtocol.failed: return .refused(lines)
        case ControlProtocol.unavailable: return .failed(lines)
        case ControlProtocol.ending: return .unavailable("the server is ending")
        default: return .unavailable("no complete answer; the server's log may tell more")
        }
    }
}
