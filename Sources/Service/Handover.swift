import CLinux
import Ring

/// The listening sockets that a process leaves to the one that takes its place. These are all it leaves.
struct Handover: Sendable, Equatable {
    /// Sockets of one place.
    struct Item: Sendable, Equatable {
        /// What they are for.
        let kind: Kind
        /// The listener's name, or another one; of letters, digits, `-` and `_`.
        let name: String
        /// As the configuration has it, where they were bound for it.
        var place: ListenPlace?
        let sockets: [ListeningSocket]
    }

    /// A process may leave kinds that the next one does not know: those stay unclaimed.
    enum Kind: Equatable {
        /// Bound for a listener.
        case listener
        /// Handed over to the first process, by systemd.
        case handed
        /// Of the process as a whole: `control` and the like.
        case process
        case unknown(String)
    }

    var items: [Item] = []

    /// What is said over the channel. No descriptor closes before the other process has begun.
    var lines: [String] { items.map(\.line) + [Self.last] }

    static let last = "end"

    /// All descriptors.
    var descriptors: [Int32] { items.flatMap { $0.sockets.map(\.descriptor) } }
}

extension Handover.Item {
    /// `socket KIND NAME IPV6ONLY ADDRESS DESCRIPTOR,...`; a descriptor may be followed by its file: `7:2049:131`.
    fileprivate var line: String {
        let numbers = sockets.map { socket in
            "\(socket.descriptor)" + (socket.file.map { ":\($0.device):\($0.inode)" } ?? "")
        }
        let parts = [
            "socket", kind.word, name, place?.ipv6Only ?? false ? "1" : "0", place?.address.encoded ?? "-",
            numbers.joined(separator: ","),
        ]
        return parts.joined(separator: " ")
    }

    /// Takes the sockets over, so that no other program gets them.
    ///
    /// - Returns: nil where the line is none of these, or names what is no listening socket.
    init?(line: String) {
        let parts = line.split(separator: " ").map(String.init)
        guard parts.count == 6, parts[0] == "socket" else { return nil }
        kind = Handover.Kind(word: parts[1])
        name = parts[2]
        if parts[4] != "-" {
            guard let address = SocketAddress(encoded: parts[4]) else { return nil }
            place = ListenPlace(listener: name, address: address, ipv6Only: parts[3] == "1")
        }
        var sockets: [ListeningSocket] = []
        for part in parts[5].split(separator: ",") {
            guard let socket = ListeningSocket(handedOver: part) else { return nil }
            sockets.append(socket)
        }
        self.sockets = sockets
    }
}

extension ListeningSocket {
    fileprivate init?(handedOver text: Substring) {
        let numbers = text.split(separator: ":").map { UInt64($0) }
        guard let first = numbers.first.flatMap({ $0 }), let descriptor = Int32(exactly: first) else { return nil }
        var file: File?
        if numbers.count == 3, let device = numbers[1], let inode = numbers[2] {
            file = File(device: device, inode: inode)
        }
        do throws(Failure) { self = try .adopt(descriptor, file: file) } catch { return nil }
        linux_close_on_exec(descriptor)
    }
}

extension Handover.Kind {
    fileprivate var word: String {
        switch self {
        case .listener: "listener"
        case .handed: "handed"
        case .process: "process"
        case .unknown(let word): word
        }
    }

    fileprivate init(word: String) {
        self =
            switch word {
            case "listener": .listener
            case "handed": .handed
            case "process": .process
            default: .unknown(word)
            }
    }
}
