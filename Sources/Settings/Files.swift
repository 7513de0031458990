import Glibc

/// Reads the files that a configuration names, and its own.
package enum FileReader {
    /// Why a file cannot be read.
    package enum Failure: Error {
        case system(Int32)
        case tooLong(bytesMax: Int)
    }

    private static let chunkBytes = 65_536
    /// What the writer of a pipe gets to write all of it, in milliseconds.
    package static let patience: Int64 = 10_000

    /// All of the file, where it has at most `bytesMax` bytes. It may be a pipe, but none that is never written to the
    /// end: a server that reloads must not wait for ever.
    package static func read(
        _ path: String, bytesMax: Int, patienceMilliseconds: Int64 = patience
    ) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw .system(errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: chunkBytes)
        let deadline = milliseconds() + patienceMilliseconds
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                guard isReady(descriptor, within: deadline - milliseconds()) else { throw .system(ETIMEDOUT) }
                continue
            }
            guard count >= 0 else { throw .system(errno) }
            if count == 0 { return bytes }
            bytes += chunk.prefix(count)
            guard bytes.count <= bytesMax else { throw .tooLong(bytesMax: bytesMax) }
        }
    }

    private static func isReady(_ descriptor: Int32, within milliseconds: Int64) -> Bool {
        var look = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&look, 1, Int32(clamping: max(0, milliseconds))) != 0
    }

    private static func milliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
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

    /// The key that names it, in dotted form (with the index of a table in a list, from 0), and which of the key's
    /// values it is, from 0.
    public let key: String
    public let index: Int
    public let path: String
    public let bytes: [UInt8]

    /// Without its end.
    var firstLine: [UInt8] { Array(bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }) }
}

/// Certificates with their chains, and the private keys in the same order: PEM as it was read, not yet looked into.
public struct IdentityFiles: Sendable, Hashable {
    public let certificates: [SettingsFile]
    public let keys: [SettingsFile]
    /// What opens the keys: the first line of the password file.
    public let keyPassword: [UInt8]?
}

/// The files of one TLS set.
public struct TLSFiles: Sendable, Hashable {
    /// The name of the set.
    public let name: String
    public let identity: IdentityFiles
    /// Those of the tables `sni`, in their order.
    public let sni: [IdentityFiles]
    /// The authorities that vouch for clients.
    public let clientCA: SettingsFile?
}

extension TLSFiles {
    /// Each of them, in the order in which they are written.
    public var all: [SettingsFile] {
        ([identity] + sni).flatMap { $0.certificates + $0.keys } + [clientCA].compactMap { $0 }
    }
}

/// The files of one upstream.
public struct UpstreamFiles: Sendable, Hashable {
    /// The name of the upstream.
    public let name: String
    /// What Mailrace shows to the servers; empty where it shows nothing.
    public let identity: IdentityFiles
    /// The authorities that vouch for the servers; nil is the system's.
    public let ca: SettingsFile?
    /// What Mailrace authenticates with, password or token; nil: it has none.
    public let secret: SettingsFile?

    /// The first line of `secret`.
    public var secretBytes: [UInt8]? { secret?.firstLine }
}

extension UpstreamFiles {
    /// Each of them.
    public var all: [SettingsFile] { identity.certificates + identity.keys + [ca, secret].compactMap { $0 } }
}

/// The files of one map.
public struct MapFiles: Sendable, Hashable {
    /// The name of the map.
    public let name: String
    /// What Mailrace authenticates with; nil: it has none.
    public let password: SettingsFile?

    /// The first line of `password`.
    public var passwordBytes: [UInt8]? { password?.firstLine }
}

/// All the files that a configuration names.
struct NamedFiles {
    /// Those of the TLS sets, in their order.
    var tls: [TLSFiles] = []
    /// Those of the upstreams, in their order.
    var upstreams: [UpstreamFiles] = []
    /// Those of the maps, in their order.
    var maps: [MapFiles] = []
    /// Credentials that could not be read.
    var passedOver: [SettingsProblem] = []
}

/// Reads files at their keys in the document; what cannot be read is reported there.
struct FileCollector {
    let document: Node
    /// The folder of the service manager's credentials; nil where there is none.
    let credentials: String?
    let passesOverCredentials: Bool
    private(set) var problems = ProblemCollector()
    private(set) var passedOver = ProblemCollector()

    /// What the name of a file may begin with (systemd.exec(5), LoadCredential=).
    private static let credentialsPrefix = "$CREDENTIALS_DIRECTORY/"

    init(document: Node, credentials: String?, passesOverCredentials: Bool = false) {
        self.document = document
        self.credentials = credentials
        self.passesOverCredentials = passesOverCredentials
    }

    mutating func files(of tls: Settings.TLS) -> TLSFiles {
        let path = ["tls", tls.name]
        let identity = identity(
            path, "", certificate: tls.certificate, key: tls.key, passwordFile: tls.keyPasswordFile)
        var sni: [IdentityFiles] = []
        for (index, one) in tls.sni.enumerated() {
            sni.append(
                self.identity(
                    path + ["sni", "\(index)"], "", certificate: one.certificate, key: one.key,
                    passwordFile: one.keyPasswordFile))
        }
        return TLSFiles(
            name: tls.name, identity: identity, sni: sni, clientCA: file(path + ["client_ca"], tls.clientCA))
    }

    mutating func files(of upstream: Settings.Upstream) -> UpstreamFiles {
        let path = ["upstream", upstream.name]
        let identity = identity(
            path, "tls_", certificate: upstream.tlsCertificate, key: upstream.tlsKey,
            passwordFile: upstream.tlsKeyPasswordFile)
        let secret =
            upstream.authTokenFile.isEmpty
            ? file(path + ["auth_password_file"], upstream.authPasswordFile)
            : file(path + ["auth_token_file"], upstream.authTokenFile)
        return UpstreamFiles(
            name: upstream.name, identity: identity, ca: file(path + ["tls_ca"], upstream.tlsCA), secret: secret)
    }

    mutating func files(of map: Settings.Map) -> MapFiles {
        MapFiles(name: map.name, password: file(["map", map.name, "password_file"], map.passwordFile))
    }

    /// Files of the table at `path`, whose keys begin with `prefix`.
    private mutating func identity(
        _ path: [String], _ prefix: String, certificate: [String], key: [String], passwordFile: String
    ) -> IdentityFiles {
        let certificates = files(path + ["\(prefix)certificate"], certificate)
        let keys = files(path + ["\(prefix)key"], key)
        let password = file(path + ["\(prefix)key_password_file"], passwordFile)?.firstLine
        return IdentityFiles(certificates: certificates, keys: keys, keyPassword: password)
    }

    /// Nil where none is named.
    private mutating func file(_ key: [String], _ name: String) -> SettingsFile? {
        name.isEmpty ? nil : files(key, [name]).first
    }

    private mutating func files(_ key: [String], _ names: [String]) -> [SettingsFile] {
        var files: [SettingsFile] = []
        for (index, name) in names.enumerated() {
            func report(_ reason: String) {
                guard let node = document.find(key)?.value(index, of: names.count) else { return }
                let message = "cannot read \(Quoting.shown(name)): \(reason)"
                if passesOverCredentials, name.hasPrefix(Self.credentialsPrefix) {
                    passedOver.report(node, message)
                } else {
                    problems.report(node, message)
                }
            }
            guard let path = expanded(name) else {
                report("CREDENTIALS_DIRECTORY is not set; systemd sets it where the unit has LoadCredential=")
                continue
            }
            do throws(FileReader.Failure) {
                let bytes = try FileReader.read(path, bytesMax: SettingsFile.bytesMax)
                files.append(
                    SettingsFile(key: key.joined(separator: "."), index: index, path: name, bytes: bytes))
            } catch { report("\(error)") }
        }
        return files
    }

    /// Where the file is; nil for a credential where there are none.
    private func expanded(_ name: String) -> String? {
        guard name.hasPrefix(Self.credentialsPrefix) else { return name }
        return credentials.map { $0 + "/" + name.dropFirst(Self.credentialsPrefix.count) }
    }
}

extension Node {
    /// The node of a value out of `count`: that element of the list where they match, else the key's own.
    func value(_ index: Int, of count: Int) -> Node {
        guard case .list(let elements) = content, elements.count == count else { return self }
        return elements[index]
    }
}
