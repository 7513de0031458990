import CLinux
import Glibc
import Service
import Settings
import Telemetry

/// `mailrace run`: relays, until told to end.
enum Run {
    static func start(_ options: Options) -> ExitCode {
        // What the service manager hands over is in the environment, which no thread may read meanwhile.
        let manager = Manager(notifier: .ofEnvironment(), handed: .taken())
        // A reload or a rotation of logs may be asked for before the service stands, and must not end it.
        linux_hold_signals()
        do throws(SettingsProblems) {
            let loaded = try Settings.load(options.sources)
            return serve(loaded, options.sources, manager)
        } catch { return wrong(error, manager) }
    }

    /// The service manager, as far as there is one.
    private struct Manager {
        let notifier: SystemdNotifier
        let handed: HandedSockets
    }

    private static func serve(_ loaded: LoadedSettings, _ sources: SettingsSources, _ manager: Manager) -> ExitCode {
        let log: Log
        do throws(SettingsProblems) { log = try openLog(loaded) } catch { return wrong(error, manager) }
        defer { log.close() }
        for warning in loaded.warnings { log.warning(warning.description) }
        do throws(Server.StartFailure) {
            let again = loaded.sourcesAgain(sources)
            let server = try Server(loaded, log: log, handed: manager.handed, notifier: manager.notifier) {
                () throws(SettingsProblems) in try Settings.load(again)
            }
            switch server.run() {
            case .drained: return .success
            case .stopped: return .stopped
            case .unavailable(let lack): return unavailable(lack, log, loaded, manager)
            }
        } catch {
            switch error {
            case .configuration(let problems): return wrong(problems, manager)
            case .unavailable(let lack): return unavailable(lack, log, loaded, manager)
            }
        }
    }

    private static func wrong(_ problems: SettingsProblems, _ manager: Manager) -> ExitCode {
        problems.show()
        manager.notifier.tellFailure("the configuration is wrong: \(problems)", errno: EINVAL)
        return .configuration
    }

    /// Said where the log is and to the person, or the system, that started the process.
    private static func unavailable(
        _ lack: Server.Unavailability, _ log: Log, _ loaded: LoadedSettings, _ manager: Manager
    ) -> ExitCode {
        log.error(lack.reason)
        if !loaded.settings.log.file.isEmpty { Terminal.writeError("mailrace: \(lack.reason)\n") }
        manager.notifier.tellFailure(lack.reason, errno: lack.errno)
        return .unavailable
    }

    private static func openLog(_ loaded: LoadedSettings) throws(SettingsProblems) -> Log {
        let settings = loaded.settings.log
        do throws(Log.OpenError) {
            return try Log(
                settings.file.isEmpty ? .standard : .file(settings.file),
                format: Log.Format(settings.format), level: Log.Level(settings.level))
        } catch {
            throw SettingsProblems(list: [loaded.problem(with: "log.file", error.description)])
        }
    }
}

extension Log.Level {
    fileprivate init(_ level: Settings.Log.Level) {
        self =
            switch level {
            case .error: .error
            case .warning: .warning
            case .info: .info
            case .debug: .debug
            }
    }
}
