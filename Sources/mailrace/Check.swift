import Ring
import Service
import Settings

/// `mailrace check`: looks over the configuration, or the system, and changes nothing.
enum Check {
    static func run(_ options: Options) -> ExitCode {
        if options.printsSystem {
            Terminal.writeOutput(SystemReport.text(ring: RingReport.lines))
            if !options.printsSettings { return .success }
        }
        do throws(SettingsProblems) {
            let loaded = try Settings.load(options.sources)
            show(loaded.warnings + (try loaded.checkFiles()))
            Terminal.writeOutput(options.printsSettings ? loaded.printed() : "OK: \(loaded.summary)\n")
            return .success
        } catch {
            error.show()
            return .configuration
        }
    }

    private static func show(_ warnings: [SettingsProblem]) {
        for warning in warnings { Terminal.writeError("warning: \(warning)\n") }
    }
}

extension SettingsProblems {
    /// One line a problem, on standard error.
    func show() {
        Terminal.writeError("\(self)\n")
    }
}

extension LoadedSettings {
    /// What there is, in a few words.
    fileprivate var summary: String {
        let counts = [
            (settings.listeners.count, "listener"), (settings.upstreams.count, "upstream"),
            (settings.tls.count, "TLS set"),
        ]
        let words = counts.map { count, noun in "\(count) \(noun)\(count == 1 ? "" : "s")" }
        return "\(file ?? "built-in default"): \(words.joined(separator: ", "))"
    }
}
