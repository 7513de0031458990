import Settings

/// `mailrace run`: relays, until told to end.
enum Run {
    static func start(_ options: Options) -> ExitCode {
        do {
            let loaded = try Settings.load(options.sources)
            loaded.warn()
            return serve(loaded)
        } catch {
            error.show()
            return .configuration
        }
    }

    private static func serve(_ loaded: LoadedSettings) -> ExitCode {
        Terminal.writeError("mailrace: nothing to serve \(loaded.settings.listeners.count) listeners with\n")
        return .unavailable
    }
}
