import CLinux
import CSystemd
import Ring
import Settings
import Telemetry

/// The sockets that systemd has handed over at the start, or whoever does as it does, by their names.
public struct HandedSockets: Sendable {
    /// One of them, not yet looked at.
    struct Descriptor: Sendable, Equatable {
        /// FileDescriptorName=; "unknown" where it says nothing.
        let name: String
        let number: Int32
    }

    private let all: [Descriptor]

    /// None.
    public init() {
        all = []
    }

    init(_ all: [Descriptor]) {
        self.all = all
    }

    /// Takes them out of the environment. Once, before there are other threads.
    public static func taken() -> HandedSockets {
        var found: [Descriptor] = []
        _ = withUnsafeMutablePointer(to: &found) { found in
            systemd_take_sockets(
                { context, number, name in
                    let found = context?.assumingMemoryBound(to: [Descriptor].self)
                    found?.pointee.append(
                        Descriptor(name: name.map { String(cString: $0) } ?? "unknown", number: number))
                }, found)
        }
        return HandedSockets(found)
    }

    /// What the listeners get, and what is left.
    struct Claims: Sendable {
        /// By listener.
        var claimed: [String: [ListeningSocket]] = [:]
        /// Closed by now; a line for each.
        var warnings: [String] = []
    }

    /// Gives each listener the sockets of its name, and closes what no listener has.
    ///
    /// - Throws: a socket of a listener's name that cannot be listened at, and every listener that must have one and
    ///   has none.
    func claimed(for loaded: LoadedSettings) throws(SettingsProblems) -> Claims {
        var claims = Claims()
        var problems: [SettingsProblem] = []
        let listeners = loaded.settings.listeners
        for descriptor in all {
            let socket = Result { () throws(ListeningSocket.Failure) in
                try ListeningSocket.adopt(descriptor.number)
            }
            let isWanted = listeners.contains { $0.name == descriptor.name }
            switch socket {
            case .success(let socket) where isWanted: claims.claimed[descriptor.name, default: []].append(socket)
            case .failure where isWanted:
                problems.append(
                    loaded.problem(
                        with: "listener.\(descriptor.name)",
                        "what was handed over for it (descriptor \(descriptor.number)) is no listening stream socket"))
            case .success(let socket): close(descriptor, "\(socket.address)", &claims)
            case .failure: close(descriptor, "no listening stream socket", &claims)
            }
        }
        problems += loaded.problemsOfSockets(handedIn: claims.claimed, names: Set(all.map(\.name)))
        guard problems.isEmpty else { throw SettingsProblems(list: problems) }
        return claims
    }

    private func close(_ descriptor: Descriptor, _ what: String, _ claims: inout Claims) {
        linux_close(descriptor.number)
        claims.warnings.append(
            "a socket was handed over that no listener claims: \(descriptor.name) (\(what)); it is closed")
    }
}

extension LoadedSettings {
    /// Each listener that must have sockets handed over, and has none.
    ///
    /// - Parameter names: what was handed over, for a hint; nil where that was long ago.
    func problemsOfSockets(
        handedIn: [String: [ListeningSocket]], names: Set<String>?
    ) -> [SettingsProblem] {
        settings.listeners.filter { $0.isFromSystemd && handedIn[$0.name] == nil }.map { listener in
            let hint =
                switch names {
                case nil: "; sockets are handed over at the start alone"
                case let names? where names.isEmpty: ", and none at all"
                case let names?: ", but \(names.sorted().joined(separator: ", "))"
                }
            return problem(
                with: "listener.\(listener.name).systemd",
                "no socket with FileDescriptorName=\(listener.name) was handed over\(hint)")
        }
    }
}
