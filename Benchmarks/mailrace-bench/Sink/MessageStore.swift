import Glibc
import Ring
import Synchronization

/// Writes messages into files of a directory, on threads of its own.
final class MessageStore: Sendable {
    let directory: String
    private let offload: Offload
    private let stored = Atomic<Int>(0)

    /// Messages that may wait to be written.
    private static let jobsLimit = 65_536
    private static let numberDigits = 8

    init(_ directory: String) {
        self.directory = directory
        offload = Offload(threads: 2, jobsLimit: Self.jobsLimit)
    }

    /// Whether files can be made in the directory.
    var isWritable: Bool { access(directory, W_OK | X_OK) == 0 }

    /// Writes one message as `00000001.eml` and so on; the name appears when the file is complete.
    /// False where that failed.
    func store(_ message: [UInt8]) async -> Bool {
        let number = "\(stored.add(1, ordering: .relaxed).newValue)"
        let zeros = String(repeating: "0", count: max(0, Self.numberDigits - number.count))
        let path = "\(directory)/\(zeros)\(number).eml"
        do throws(Offload.Refused) {
            return try await offload.run { Self.write(message, to: path) }
        } catch {
            return false
        }
    }

    /// Blocks until all that waits has been written.
    func close() { offload.close() }

    private static func write(_ message: [UInt8], to path: String) -> Bool {
        let partial = path + ".part"
        guard let file = fopen(partial, "wbe") else { return false }
        let written = fwrite(message, 1, message.count, file)
        guard fclose(file) == 0, written == message.count else { return false }
        return rename(partial, path) == 0
    }
}
