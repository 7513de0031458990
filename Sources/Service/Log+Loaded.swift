public import Settings
public import Telemetry

extension Log {
    /// Opens the log that the configuration names.
    public convenience init(_ loaded: LoadedSettings) throws(SettingsProblems) {
        let settings = loaded.settings.log
        do throws(OpenError) {
            try self.init(
                settings.file.isEmpty ? .standard : .file(settings.file),
                format: Format(settings.format), level: Level(settings.level))
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
