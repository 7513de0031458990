import Ring
import Settings
import TLS
import Telemetry

/// What the main thread lets the admin endpoint know: the configuration in force, and where the process stands.
///
/// Written on the main thread, read on the endpoint's.
final class AdminBoard: Sendable {
    /// A configuration, as far as it is shown.
    struct Configured: Sendable {
        var hostname = ""
        var file = ""
        var sessionsMax = 0
        var listeners: [Listener] = []
        var upstreams: [Upstream] = []
        var certificates: [Certificate] = []

        struct Listener: Sendable {
            let name: String
            let statPrefix: String
            /// With the ports that the system chose.
            let addresses: [String]
            /// `smtp`, `submission`, `smtps`.
            let role: String
            /// `off`, `offer`, `require` (STARTTLS), or `implicit`.
            let tls: String
            let upstream: String
        }

        struct Upstream: Sendable {
            let name: String
            /// As the configuration writes them.
            let servers: [String]
            let tls: String
        }

        /// One that clients are shown.
        struct Certificate: Sendable, Equatable {
            /// The TLS set's name.
            let set: String
            /// The file's path.
            let path: String
            /// Seconds since 1970.
            let notAfter: Int64
        }
    }

    struct Reload: Sendable {
        var isSuccessful = true
        var time: UTCTime
        /// When the configuration in force was taken.
        var successTime: UTCTime
    }

    struct Standing: Sendable {
        var configured: Configured
        var isReady = false
        var isDraining = false
        var reload: Reload
    }

    private let standing: Locked<Standing>

    init() {
        let now = UTCTime.now()
        standing = Locked(Standing(configured: Configured(), reload: Reload(time: now, successTime: now)))
    }

    var now: Standing { standing.withLock { $0 } }

    /// A configuration is in force.
    ///
    /// - Parameter isReload: false where it is the former one, with other files.
    func show(_ configured: Configured, isReload: Bool) {
        let now = UTCTime.now()
        standing.withLock { standing in
            standing.configured = configured
            guard isReload else { return }
            standing.reload = Reload(time: now, successTime: now)
        }
    }

    func noteRefusedReload() {
        let now = UTCTime.now()
        standing.withLock { standing in
            standing.reload.isSuccessful = false
            standing.reload.time = now
        }
    }

    func noteReady() {
        standing.withLock { $0.isReady = true }
    }

    func noteDraining() {
        standing.withLock { standing in
            standing.isReady = false
            standing.isDraining = true
        }
    }
}

extension AdminBoard.Configured {
    init(_ loaded: LoadedSettings, _ bindings: Bindings, sessionsMax: Int) {
        let settings = loaded.settings
        hostname = settings.hostname
        file = loaded.file ?? ""
        self.sessionsMax = sessionsMax
        listeners = settings.listeners.map { listener in
            Listener(
                name: listener.name, statPrefix: listener.statPrefix,
                addresses: bindings.all.filter { $0.place.listener == listener.name }.map(\.address.description),
                role: listener.role.rawValue,
                tls: listener.role == .smtps ? "implicit" : listener.startTLS.rawValue, upstream: listener.upstream)
        }
        upstreams = settings.upstreams.map {
            Upstream(name: $0.name, servers: $0.servers.map(\.description), tls: $0.tls.rawValue)
        }
        certificates = loaded.tlsFiles.flatMap { files in
            let chains = ([files.identity] + files.sni).flatMap(\.certificates)
            // A file may be named twice.
            return Dictionary(chains.map { ($0.path, $0) }) { first, _ in first }.values
                .sorted { $0.path < $1.path }
                .compactMap { file in
                    TLSFile(file).certificateNotAfter.map {
                        Certificate(set: files.name, path: file.path, notAfter: $0)
                    }
                }
        }
    }
}
