import Relay
import Ring
import Settings
import Telemetry

// A change of the configuration: all of it or nothing. The main thread makes it, step by step; sessions go on.
extension Server {
    /// Reads the configuration anew and puts it into practice.
    func reload() -> RequestReport {
        let loaded: LoadedSettings
        do throws(SettingsProblems) { loaded = try load() } catch { return refused(error.lines) }
        let missing = loaded.problemsOfSockets(handedIn: handedIn, names: nil)
        guard missing.isEmpty else { return refused(missing.map(\.description)) }
        return apply(loaded, "configuration reloaded", warnings: loaded.warnings, binds: true)
    }

    /// Reads the files that the configuration names anew, and nothing else: somebody may be half-way through editing
    /// the configuration when a certificate is renewed.
    func reloadFiles() {
        let loaded: LoadedSettings
        do throws(SettingsProblems) { loaded = try state.loaded.withFilesReadAgain() } catch {
            return noteFilesRefused(error.lines)
        }
        guard !loaded.hasTheFiles(of: state.loaded) else {
            if !filesRefused.isEmpty { log.info("files are as before again: what was wrong with them is over") }
            return filesRefused = []
        }
        do throws(SettingsProblems) { _ = try loaded.planned(after: state.plan, policies, keepsRoutes: true) } catch {
            return noteFilesRefused(error.lines)
        }
        // A certificate is not to expire because a socket is in trouble.
        _ = apply(loaded, "certificate files reloaded", warnings: [], binds: false)
    }

    /// Once, not each time that something is written: a pair of files is seldom written in one stroke.
    private func noteFilesRefused(_ problems: [String]) {
        guard problems != filesRefused else { return }
        filesRefused = problems
        for problem in problems {
            log.error("files changed, the former stay in use: \(problem)", event: .reloadRefused)
        }
    }

    private func refused(_ problems: [String]) -> RequestReport {
        for problem in problems { log.error("reload refused: \(problem)", event: .reloadRefused) }
        board.noteRefusedReload()
        return .refused(problems)
    }

    /// - Parameter binds: the addresses to listen on may be others than before.
    private func apply(
        _ loaded: LoadedSettings, _ message: String, warnings doubts: [SettingsProblem], binds: Bool
    ) -> RequestReport {
        let plan: LoadedPlan
        let transcript: Transcript?
        do throws(SettingsProblems) {
            // Nor because a file of routes has become bad meanwhile.
            plan = try loaded.planned(after: state.plan, policies, keepsRoutes: !binds)
            transcript = try loaded.transcript(transcripts)
        } catch { return refused(error.lines) }
        let change: Bindings.Change
        do throws(Bindings.Failure) {
            let bindings = state.bindings
            change = binds ? try bindings.change(to: plan, handedIn, shards: fleet.count) : bindings.unchanged
        } catch { return refused(error.reasons) }
        let capacity = SessionCapacity(loaded.settings, change.next, shards: fleet.count)
        let next = state.followed(
            by: loaded, plan, change.next, sessionsMax: capacity.sessionsMax, transcript: transcript)
        let service = servicePlan(next, since: state)
        let reasons = fleet.prepare(service)
        guard reasons.isEmpty else {
            change.giveUp()
            return refused(reasons)
        }
        makeEffective(next, service, removing: change.removed)
        showConfiguration(isReload: binds)
        let warnings =
            (doubts + plan.warnings).map(\.description) + [capacity.warning].compactMap { $0 }
            + change.renewed.map { "the file of \($0.address) had been removed: it is bound anew" }
            + restartWarnings(loaded.settings)
        for warning in warnings { log.warning(warning) }
        log.info(
            message,
            [
                "listeners": "\(plan.listeners.count)", "addresses_added": "\(change.added.count)",
                "addresses_removed": "\(change.removed.count)",
            ], event: .reloadDone)
        for binding in change.removed {
            log.info("no longer listening on \(binding.address) (listener \(binding.place.listener))")
        }
        for binding in change.added {
            log.info("listening on \(binding.address) (listener \(binding.place.listener))")
        }
        return .done(warnings: warnings)
    }

    /// From here on nothing fails.
    private func makeEffective(_ next: State, _ plan: ServicePlan, removing removed: [Binding]) {
        let former = state
        state = next
        limits.update(next.loaded.limitValues(sessionsMax: next.sessionsMax))
        counters.use(CounterTable.Configuration(plan))
        fleet.onEach { local, shard in await local.adopt(plan, on: shard) }
        fleet.setDoors(doors(of: next))
        fleet.close(doors(of: former).filter { door in removed.contains { $0.sockets == door.binding.sockets } })
        fleet.onEach { local, shard in await local.retire(except: plan, on: shard) }
        filesRefused = []
        reporter.use(tallies(of: next))
        watchFiles()
    }

    /// Names what has been changed and stays as it was at the start.
    private func restartWarnings(_ new: Settings) -> [String] {
        let old = settingsAtStart
        let keys: [(name: String, isChanged: Bool)] = [
            ("runtime.shards", new.runtime.shards != old.runtime.shards),
            ("runtime.io_uring_features", new.runtime.ringFeatures != old.runtime.ringFeatures),
            ("runtime.splice", new.runtime.splice != old.runtime.splice),
            ("runtime.control_socket", new.runtime.controlSocket != old.runtime.controlSocket),
            ("admin.listen", new.admin.listen != old.admin.listen),
            ("runtime.user", new.runtime.user != old.runtime.user),
            ("log.file", new.log.file != old.log.file), ("log.format", new.log.format != old.log.format),
            ("log.level", new.log.level != old.log.level),
        ]
        return keys.filter(\.isChanged).map { "\($0.name) has changed: that needs a restart" }
    }

    /// Has the files looked after that the configuration in force names.
    func watchFiles() {
        let settings = state.loaded.settings
        watch?.look(after: settings.runtime.reloadOnChange ? settings.namedFiles : [])
        mapWatch.look(after: state.plan.maps.compactMap(\.store))
    }

    // MARK: Terms of the shards

    /// - Parameter former: what was in force until now.
    func servicePlan(_ state: State, since former: State?) -> ServicePlan {
        // Maps whose passwords have changed are other ones.
        let isAsBefore =
            state.loaded.settings == former?.loaded.settings && state.loaded.mapFiles == former?.loaded.mapFiles
        let listeners = zip(state.plan.listeners, state.listeners).map { listener, id in
            var settings = listener.settings
            settings.transcript = state.transcript
            return ServicePlan.Listener(
                id: id, settings: settings, statPrefix: listener.statPrefix, upstream: listener.upstream,
                routing: listener.routing, authenticator: listener.authenticator,
                messageRate: listener.messageRate, looksUpClientNames: listener.looksUpClientNames,
                isUnchanged: isAsBefore && listener.hasKeptTLS)
        }
        return ServicePlan(
            listeners: listeners, upstreams: state.plan.upstreams, authenticators: state.plan.authenticators,
            maps: state.plan.maps, resolver: state.plan.resolver)
    }

    func doors(of state: State) -> [(binding: Binding, listener: ListenerID)] {
        state.bindings.all.map { binding in
            let index = state.plan.listeners.firstIndex { $0.settings.name == binding.place.listener }
            guard let index else { preconditionFailure("an address without its listener") }
            return (binding, state.listeners[index])
        }
    }
}

extension Server.State {
    /// A listener stays the same as long as its name and the name of its counters do.
    fileprivate func followed(
        by loaded: LoadedSettings, _ plan: LoadedPlan, _ bindings: Bindings, sessionsMax: Int,
        transcript: Transcript?
    ) -> Server.State {
        var made = listenersMade
        let ids = plan.listeners.map { listener in
            let known = zip(self.plan.listeners, listeners).first { former, _ in
                former.settings.name == listener.settings.name && former.statPrefix == listener.statPrefix
            }
            if let known { return known.1 }
            made += 1
            return ListenerID(number: made - 1)
        }
        return Server.State(
            loaded: loaded, plan: plan, bindings: bindings, listeners: ids, listenersMade: made,
            sessionsMax: sessionsMax, transcript: transcript)
    }
}

extension SettingsProblems {
    fileprivate var lines: [String] { list.map(\.description) }
}
