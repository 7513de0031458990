import Glibc

/// Reads the files that a configuration names, and its own.
package enum FileReader {
    /// Why a file cannot be read.
    package enum Failure: Error {
        case system(Int32)
        case tooLong(bytesMax: Int)
    }

    private static let chunkBytes = 65_536

    /// All of the file, where it has at most `bytesMax` bytes.
    package static func read(_ path: String, bytesMax: Int) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: chunkBytes)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno) }
            if count == 0 { return bytes }
            bytes += chunk.prefix(count)
            guard bytes.count <= bytesMax else { throw .tooLong(bytesMax: bytesMax) }
        }
    }
}

extension FileReader.Failure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .system(let code): String(cString: strerror(code))
        case .tooLong(let bytesMax): "the file is longer than \(bytesMax >> 10) KiB"
        }
    }
}

/// A file that the configuration names, as it was read.
public struct SettingsFile: Sendable, Hashable {
    /// The most that is read of one: 1 MiB.
    static let bytesMax = 1 << 20

    /// The key that names it, in dotted form, and which of the key's values it is, from 0.
    public let key: String
    public let index: Int
    public let path: String
    public let bytes: [UInt8]
}

/// The files of one TLS set: PEM as it was read, not yet looked into.
public struct TLSFiles: Sendable, Hashable {
    /// The name of the set.
    public let name: String
    /// Certificates with their chains, and the private keys in the same order.
    public let certificates: [SettingsFile]
    public let keys: [SettingsFile]
    /// What opens the keys: the first line of the password file.
    public let keyPassword: [UInt8]?
}

extension TLSFiles {
    /// Reads the files of `settings`; what cannot be read is reported at the key in `table`, its
    /// place in the document.
    init(_ settings: Settings.TLS, table: Node?, problems: inout ProblemCollector) {
        func read(_ key: String, _ paths: [String]) -> [SettingsFile] {
            paths.enumerated().compactMap { index, path in
                do throws(FileReader.Failure) {
                    let bytes = try FileReader.read(path, bytesMax: SettingsFile.bytesMax)
                    return SettingsFile(key: "tls.\(settings.name).\(key)", index: index, path: path, bytes: bytes)
                } catch {
                    if let node = table?[key]?.value(index, of: paths.count) {
                        problems.report(node, "cannot read \(Quoting.shown(path)): \(error)")
                    }
                    return nil
                }
            }
        }
        name = settings.name
        certificates = read("certificate", settings.certificate)
        keys = read("key", settings.key)
        let passwords = settings.keyPasswordFile.isEmpty ? [] : [settings.keyPasswordFile]
        keyPassword = read("key_password_file", passwords).first.map { file in
            Array(file.bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") })
        }
    }
}

extension Node {
    /// The node of a value out of `count`: that element of the list where they match, else the key's own.
    func value(_ index: Int, of count: Int) -> Node {
        guard case .list(let elements) = content, elements.count == count else { return self }
        return elements[index]
    }
}
