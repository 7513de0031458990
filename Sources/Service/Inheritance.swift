import CLinux
import Glibc
import Ring

/// What this process has from the one whose place it takes.
public struct Inheritance: Sendable {
    private let channel: UpgradeChannel
    private let handover: Handover

    /// Tells the process, in its environment, that it is to take another one's place: `DESCRIPTOR:PROCESS`.
    static let variable = "UPGRADE_OF_MAILRACE"
    /// For the former process to say what it leaves.
    private static let patience = Duration.seconds(10)

    /// Why it cannot be had.
    public struct Failure: Error {
        public let reason: String
    }

    init(_ channel: UpgradeChannel, _ handover: Handover) {
        self.channel = channel
        self.handover = handover
    }

    /// Takes it. Once, before there are other threads.
    ///
    /// From then on this process is another one, a child of the one that was started: when that one is ended, the
    /// system's first process has it, and systemd waits for the end of its own children alone.
    ///
    /// - Returns: nil where this process takes nobody's place.
    public static func taken() throws(Failure) -> Inheritance? {
        guard let value = getenv(variable) else { return nil }
        let numbers = String(cString: value).split(separator: ":").map { Int32($0) }
        unsetenv(variable)
        // It may have come down from a process that did not mean us.
        guard numbers.count == 2, let descriptor = numbers[0], numbers[1] == getppid() else { return nil }
        linux_close_on_exec(descriptor)
        let process = linux_go_on_in_child()
        guard process > 0 else { throw Failure(reason: "no process: \(systemErrorText(-process))") }
        let channel = UpgradeChannel(descriptor)
        channel.say(["process \(process)"])
        return try heard(over: channel)
    }

    static func heard(over channel: UpgradeChannel) throws(Failure) -> Inheritance {
        var handover = Handover()
        let deadline = Instant.current() + patience
        while true {
            guard case .line(let line) = channel.hear(until: deadline) else {
                throw Failure(reason: "the process to be replaced does not say what it leaves")
            }
            if line == Handover.last { return Inheritance(channel, handover) }
            guard line.hasPrefix("socket ") else { continue }
            guard let item = Handover.Item(line: line) else {
                throw Failure(reason: "the process to be replaced leaves what cannot be taken: \(line)")
            }
            handover.items.append(item)
        }
    }

    // MARK: What there is

    /// What was handed over to the former process.
    public var handed: HandedSockets {
        HandedSockets(
            handover.items.filter { $0.kind == .handed }.flatMap { item in
                item.sockets.map { HandedSockets.Descriptor(name: item.name, number: $0.descriptor) }
            })
    }

    /// What the former process had bound, for so many shards.
    func bindings(shards: Int) -> Bindings {
        Bindings(
            inherited: handover.items.compactMap { item in
                guard item.kind == .listener, let place = item.place, !item.sockets.isEmpty else { return nil }
                return Binding(inherited: item.sockets, of: place, shards: shards)
            })
    }

    /// The socket of the whole process that has this name.
    func socket(_ name: String) -> ListeningSocket? {
        handover.items.first { $0.kind == .process && $0.name == name }?.sockets.first
    }

    /// What nobody in this process can know of.
    var unknown: [ListeningSocket] {
        handover.items.flatMap { item in
            if case .unknown = item.kind { return item.sockets }
            return []
        }
    }

    // MARK: What is said to the former process

    /// This process serves.
    ///
    /// - Parameter unclaimed: what it does not take, under the former process's numbers.
    func saySuccess(unclaimed: [Int32]) {
        let numbers = unclaimed.map(String.init).joined(separator: ",")
        channel.say(unclaimed.isEmpty ? ["serving"] : ["unclaimed \(numbers)", "serving"])
    }

    /// This process is about to end, for these reasons.
    public func sayFailure(_ problems: [String]) {
        channel.say(problems.map { "problem \($0)" } + ["failed"])
    }

    /// Waits until the service manager listens to this process: the former one says so, or has ended. Blocks.
    func waitForMain() {
        while case .line(let line) = channel.hear(until: .never), line != "main" {}
    }

    /// Waits until the former process has ended. Blocks.
    func waitForEnd() {
        while case .line = channel.hear(until: .never) {}
    }
}
