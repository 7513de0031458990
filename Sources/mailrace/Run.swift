import CLinux
import Glibc
import Service
import Settings
import Telemetry

/// `mailrace run`: relays, until told to end.
enum Run {
    static func start(_ options: Options) -> ExitCode {
        // What the service manager hands over is in the environment, which no thread may read meanwhile.
        let surroundings: Surroundings
        do throws(Inheritance.Failure) {
            surroundings = Surroundings(notifier: .ofEnvironment(), handed: .taken(), inheritance: try .taken())
        } catch {
            Terminal.writeError("mailrace: \(error.reason)\n")
            return .unavailable
        }
        // A reload or a rotation of logs may be asked for before the service stands, and must not end it.
        linux_hold_signals()
        // Queues of bulk mail come and go thousands of times a second; else their pages would, too.
        linux_keep_freed_memory(keptBytes)
        do throws(SettingsProblems) {
            let loaded = try Settings.load(options.sources)
            return serve(loaded, options.sources, surroundings)
        } catch { return wrong(error, surroundings) }
    }

    /// For each shard; with it four flows of bulk mail cause no page faults. It is given back when most of many
    /// sessions have ended.
    private static let keptBytes: Int32 = 2 << 20

    /// The service manager and the process whose place this one takes, as far as there are such.
    private struct Surroundings {
        let notifier: SystemdNotifier
        let handed: HandedSockets
        let inheritance: Inheritance?

        /// - Parameter errno: the system's error number; 0 where it has none.
        func tellFailure(_ reason: String, errno: Int32) {
            guard let inheritance else { return notifier.tellFailure(reason, errno: errno) }
            inheritance.sayFailure(reason.split(separator: "\n").map(String.init))
        }
    }

    private static func serve(_ loaded: LoadedSettings, _ sources: SettingsSources, _ surroundings: Surroundings)
        -> ExitCode
    {
        let log: Log
        let plan: ServiceUser.Plan
        do throws(SettingsProblems) {
            plan = try ServiceUser.plan(loaded)
            plan.user?.renounce()
            log = try ServiceUser.open(as: plan.user, for: loaded) { () throws(SettingsProblems) in
                try Log(loaded)
            }
        } catch { return wrong(error, surroundings) }
        defer { log.close() }
        for warning in loaded.warnings { log.warning(warning.description) }
        if case .stayAsRoot(let reason) = plan { log.warning(reason) }
        do throws(Server.StartFailure) {
            let again = loaded.sourcesAgain(sources)
            let server = try Server(
                loaded, log: log, handed: surroundings.inheritance?.handed ?? surroundings.handed,
                inheritance: surroundings.inheritance, notifier: surroundings.notifier, user: plan.user,
                program: .ofThisProcess()
            ) { () throws(SettingsProblems) in try Settings.load(again) }
            switch server.run() {
            case .drained: return .success
            case .stopped: return .stopped
            case .unavailable(let lack): return unavailable(lack, log, loaded, surroundings)
            }
        } catch {
            switch error {
            case .configuration(let problems): return wrong(problems, surroundings)
            case .unavailable(let lack): return unavailable(lack, log, loaded, surroundings)
            }
        }
    }

    private static func wrong(_ problems: SettingsProblems, _ surroundings: Surroundings) -> ExitCode {
        problems.show()
        surroundings.tellFailure("the configuration is wrong: \(problems)", errno: EINVAL)
        return .configuration
    }

    /// Said where the log is and to the person, or the system, that started the process.
    private static func unavailable(
        _ lack: Server.Unavailability, _ log: Log, _ loaded: LoadedSettings, _ surroundings: Surroundings
    ) -> ExitCode {
        log.error(lack.reason)
        if !loaded.settings.log.file.isEmpty { Terminal.writeError("mailrace: \(lack.reason)\n") }
        surroundings.tellFailure(lack.reason, errno: lack.errno)
        return .unavailable
    }
}

extension ServiceUser.Plan {
    fileprivate var user: ServiceUser? {
        if case .become(let user) = self { user } else { nil }
    }
}
