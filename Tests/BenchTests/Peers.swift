import Glibc
import Ring
import Testing

@testable import mailrace_bench

/// A load of 20 sessions with three messages each.
func smallLoad(_ change: (inout LoadSettings) -> Void = { _ in }) -> LoadSettings {
    var settings = LoadSettings()
    settings.sessions = 20
    settings.messages = 3
    settings.concurrency = 4
    settings.client.sizes = SizeMix(bytes: 2_000)
    change(&settings)
    return settings
}

/// A client that says what it is told to, on a socket of its own; each wait has a limit.
final class Dialogue {
    private let client: Int32

    private static let patienceSeconds = 20

    init(_ address: SocketAddress) throws {
        client = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var peer = sockaddr_in()
        peer.sin_family = sa_family_t(AF_INET)
        peer.sin_port = address.port.bigEndian
        peer.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &peer) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0)
    }

    func say(_ text: String) {
        #expect(send(client, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count)
    }

    /// The next reply, or what there is of it where the peer ends the connection or says nothing.
    func hear() -> String {
        var text = ""
        while !Self.isComplete(text) {
            var byte: UInt8 = 0
            guard receive(&byte) == 1 else { break }
            text.unicodeScalars.append(Unicode.Scalar(byte))
        }
        return text
    }

    func ask(_ command: String) -> String {
        say(command + "\r\n")
        return hear()
    }

    /// Whether the peer has ended the connection: in order, or by a reset.
    enum End: Equatable { case none, closed, reset }

    func hearEnd() -> End {
        var byte: UInt8 = 0
        switch receive(&byte) {
        case 0: return .closed
        case ..<0: return errno == ECONNRESET ? .reset : .none
        default: return .none
        }
    }

    /// A thread that made a ring may be interrupted for it.
    private func receive(_ byte: inout UInt8) -> Int {
        while true {
            let count = read(client, &byte, 1)
            guard count < 0, errno == EINTR else { return count }
        }
    }

    /// The last line of a reply has no dash behind its code.
    private static func isComplete(_ text: String) -> Bool {
        guard text.hasSuffix("\r\n") else { return false }
        let lines = text.unicodeScalars.split { $0 == "\n" }
        return lines.last.map { $0.count > 3 && $0[$0.index($0.startIndex, offsetBy: 3)] != "-" } ?? false
    }

    deinit { close(client) }
}

/// A directory that goes with its value.
final class TemporaryDirectory {
    let path: String
    private var files: [String] = []

    init() throws {
        var template = Array("/tmp/mailrace-bench-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    func write(_ name: String, _ text: String) throws -> String {
        let file = try #require(fopen("\(path)/\(name)", "we"))
        fputs(text, file)
        fclose(file)
        return "\(path)/\(name)"
    }

    deinit {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) {
                    String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                }
                unlink("\(path)/\(name)")
            }
            closedir(directory)
        }
        rmdir(path)
    }
}
