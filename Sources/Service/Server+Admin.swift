import Ring
import Settings
import Telemetry

// What the server shows of itself over HTTP.
extension Server {
    /// Begins to serve the admin endpoint, where there is to be one. Where it cannot be, a warning tells why, and the
    /// server goes on without: mail is what it is for.
    ///
    /// - Parameter former: the socket that an earlier process has listened at.
    func openAdmin(from former: ListeningSocket? = nil) -> AdminServer? {
        guard let address = settingsAtStart.admin.listen else { return nil }
        let socket: ListeningSocket
        do throws(ListeningSocket.Failure) {
            if let former {
                socket = former
            } else {
                socket = try ListeningSocket.bind(SocketAddress(address), sharesPort: false, mode: 0o660)
            }
        } catch {
            log.warning("no admin endpoint, so there are no metrics and no status: \(error)")
            return nil
        }
        let pages = AdminPages(
            board: board, counters: counters, limits: limits, rates: rates, listenerRates: listenerRates, log: log,
            transcripts: transcripts, survey: ShardSurvey(fleet), shardCount: fleet.count,
            start: startTime, isUnix: socket.address.isUnix)
        guard let server = AdminServer.start(at: socket, answer: { pages.answer($0) }) else {
            log.warning("no admin endpoint: the system does not allow it")
            if former == nil { socket.close() }
            return nil
        }
        log.info("admin endpoint at \(socket.address)")
        return server
    }

    /// Has the admin endpoint show what is in force.
    ///
    /// - Parameter isReload: false where only files that the configuration names have been read again.
    func showConfiguration(isReload: Bool = true) {
        let configured = AdminBoard.Configured(state.loaded, state.bindings, sessionsMax: state.sessionsMax)
        board.show(configured, isReload: isReload)
    }
}
