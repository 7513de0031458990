public import Ring
public import Settings
import Telemetry

/// Mailrace within another program.
///
///     var policies = ProgramPolicies()
///     policies.authenticators["staff"] = { ring in StaffAuthenticator(ring) }
///     try Mailrace.run(SettingsSources(file: "/etc/post/mailrace.toml"), policies)
///
/// The configuration says `type = "program"` under `[authenticator.staff]`. A process has one Mailrace at a time.
public enum Mailrace {
    /// Serves as `mailrace run` does, with parts of the program's own, until it is told to end. Blocks.
    ///
    /// Unlike that one it stays the user who it is (`runtime.user` has no effect), takes no sockets of systemd and does
    /// not answer it, and is not upgraded.
    ///
    /// The calling thread no longer gets SIGTERM, SIGINT, SIGHUP, SIGUSR1 and SIGUSR2, nor do those that it starts;
    /// SIGPIPE is ignored.
    ///
    /// - Parameters:
    ///   - sources: where the configuration is; a reload reads it again.
    ///   - takesSignals: SIGTERM and SIGINT end the server, SIGHUP has it read its configuration again, SIGUSR1 its log
    ///     file opened again. The program calls this on its first thread then, before it starts others. False: signals
    ///     are the program's own affair.
    ///   - onStart: is called once all addresses are listened on.
    /// - Returns: `drained` after the last session. `stopped` where a second signal ended it at once: then sessions are
    ///   left behind, and the process has to end.
    /// - Throws: what is wrong with the configuration, or what the system does not give.
    @discardableResult
    public static func run(
        _ sources: SettingsSources, _ policies: ProgramPolicies, takesSignals: Bool = true,
        onStart: (Running) -> Void = { _ in }
    ) throws(Server.StartFailure) -> Server.Outcome {
        let loaded: LoadedSettings
        let log: Log
        do throws(SettingsProblems) {
            loaded = try Settings.load(sources)
            log = try Log(loaded)
        } catch { throw .configuration(error) }
        defer { log.close() }
        for warning in loaded.warnings { log.warning(warning.description) }
        let again = loaded.sourcesAgain(sources)
        let server = try Server(loaded, log: log, policies: policies, takesSignals: takesSignals) {
            () throws(SettingsProblems) in try Settings.load(again)
        }
        onStart(Running(addresses: server.addresses, events: server.events))
        return server.run()
    }
}

extension Mailrace {
    /// A Mailrace that runs within the program. May be used on any thread.
    public struct Running: Sendable {
        /// Where it listens, by listener, with the ports that the system chose.
        public let addresses: [(listener: String, address: SocketAddress)]
        let events: ServerEvents

        /// Has it end: it accepts no more, and its sessions have `runtime.drain_timeout` to come to an end. Does not
        /// wait.
        public func drain() { events.askForDrain() }

        /// Has it read its configuration again, and waits until that is done. Not to be called on a shard, nor before
        /// `run` serves.
        ///
        /// - Returns: why all stays as it was, one line each; empty where the new configuration is in force.
        public func reload() -> [String] {
            let report = events.reload()
            return report.isDone ? [] : report.problems
        }
    }
}
