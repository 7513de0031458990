import Glibc
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
            let loaded = try Settings.load(options.sources, passesOverCredentials: true)
            let warnings = loaded.warnings + (try loaded.warningsOfFiles())
            _ = try ServiceUser.plan(loaded)
            let problems = loaded.logProblems
            guard problems.isEmpty else { throw SettingsProblems(list: problems) }
            show(warnings)
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
    /// The service alone can see its credentials; without them certificates and keys cannot be tried.
    fileprivate func warningsOfFiles() throws(SettingsProblems) -> [SettingsProblem] {
        guard !passedOver.isEmpty else { return try checkFiles() }
        return passedOver.map { problem in
            SettingsProblem(
                origin: problem.origin, key: problem.key,
                message: "\(problem.message); certificates and keys are not tried")
        }
    }

    /// Why the files of the log could not be opened.
    fileprivate var logProblems: [SettingsProblem] {
        let log = settings.log
        let transcriptFile = log.transcript == .off ? "" : log.transcriptFile
        return [("log.file", log.file), ("log.transcript_file", transcriptFile)].compactMap(problemOfLog)
    }

    /// Nothing is made: where there is no file, its folder must take one.
    private func problemOfLog(_ key: String, _ file: String) -> SettingsProblem? {
        guard !file.isEmpty else { return nil }
        let descriptor = open(file, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        if descriptor >= 0 {
            close(descriptor)
            return nil
        }
        var code = errno
        if code == ENOENT {
            let parts = file.split(separator: "/", omittingEmptySubsequences: false)
            let folder = parts.count == 1 ? "." : "\(parts.dropLast().joined(separator: "/"))/"
            guard access(folder, W_OK | X_OK) != 0 else { return nil }
            code = errno
        }
        return problem(with: key, "cannot open \(file): \(systemErrorText(code))")
    }

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
