import CLinux
import Glibc
import Service
import Settings
import Telemetry

/// `mailrace run`: relays, until told to end.
enum Run {
    static func start(_ options: Options) -> ExitCode {
        // A reload or a rotation of logs may be asked for before the service stands, and must not end it.
        linux_hold_signals()
        do throws(SettingsProblems) {
            let loaded = try Settings.load(options.sources)
            return serve(loaded, options.sources)
        } catch {
            error.show()
            return .configuration
        }
    }

    private static func serve(_ loaded: LoadedSettings, _ sources: SettingsSources) -> ExitCode {
        guard let log = openLog(loaded) else { return .configuration }
        defer { log.close() }
        for warning in loaded.warnings { log.warning(warning.description) }
        do throws(Server.StartFailure) {
            let again = loaded.sourcesAgain(sources)
            let server = try Server(loaded, log: log) { () throws(SettingsProblems) in try Settings.load(again) }
            switch server.run() {
            case .drained: return .success
            case .stopped: return .stopped
            case .unavailable(let reason): return unavailable(reason, log, loaded)
            }
        } catch {
            switch error {
            case .configuration(let problems):
                problems.show()
                return .configuration
            case .unavailable(let reason): return unavailable(reason, log, loaded)
            }
        }
    }

    /// Said where the log is and to the person, or the system, that started the process.
    private static func unavailable(_ reason: String, _ log: Log, _ loaded: LoadedSettings) -> ExitCode {
        log.error(reason)
        if !loaded.settings.log.file.isEmpty { Terminal.writeError("mailrace: \(reason)\n") }
        return .unavailable
    }

    private static func openLog(_ loaded: LoadedSettings) -> Log? {
        let settings = loaded.settings.log
        do throws(Log.OpenError) {
            return try Log(
                settings.file.isEmpty ? .standard : .file(settings.file),
                format: Log.Format(settings.format), level: Log.Level(settings.level))
        } catch {
            SettingsProblems(list: [loaded.problem(with: "log.file", error.description)]).show()
            return nil
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
