import CLinux
import Glibc
import Relay
public import Ring
public import Settings
public import Telemetry

/// The process's life: from settings to listening sockets, sessions, reloads, and the end.
///
/// Not Sendable: one thread, the main one, makes it and runs it.
public final class Server {
    /// Why a server cannot start.
    public enum StartFailure: Error {
        /// What the configuration names cannot be used.
        case configuration(SettingsProblems)
        /// The system does not give what is needed: io_uring, an address to listen on.
        case unavailable(Unavailability)
    }

    /// What the system does not give.
    public struct Unavailability: Sendable, Equatable {
        /// One line or more.
        public let reason: String
        /// The system's error number; 0 where there is none.
        public let errno: Int32
    }

    /// How a server ended.
    public enum Outcome: Equatable, Sendable {
        /// After all sessions.
        case drained
        /// At once, because it was told to a second time, by this signal.
        case stopped(Int32)
        /// Before it began: the system does not give what is needed.
        case unavailable(Unavailability)
    }

    /// Reads the configuration anew, from the sources of the start.
    public typealias Loading = () throws(SettingsProblems) -> LoadedSettings

    let log: Log
    let load: Loading
    let fleet: ShardFleet
    let counters: CounterTable
    let limits: SessionLimits
    /// Fed once a second while the server runs.
    let rates = RateHistory()
    let events = ServerEvents()
    let board = AdminBoard()
    let listenerRates = ListenerRates()
    let startTime = UTCTime.now()
    /// From `run` on: its thread must be made when signals are blocked already.
    private(set) var watch: FileWatch?
    let mapWatch: MapWatch
    let transcripts: TranscriptFiles
    let handedIn: [String: [ListeningSocket]]
    /// The settings of the start: what a reload cannot change is as they say.
    let settingsAtStart: Settings
    /// What is in force.
    var state: State
    /// What was wrong with the files when they had changed last; empty where nothing was.
    var filesRefused: [String] = []
    var isDraining = false
    var control: ControlSocket?
    var admin: AdminServer?
    let program: UpgradeProgram?
    let policies: ProgramPolicies
    private let takesSignals: Bool
    private let user: ServiceUser?
    /// The process that is to take this one's place, and who asked for it.
    var upgrade: (Upgrade, [RequestAnswer])?
    /// What was to be read anew, and was left to the process that an upgrade has started.
    var missed = (reload: false, files: false)
    /// The process that has taken this one's place, which sees the end of this one by the end of the channel.
    var successor: Upgrade?
    /// The process whose place this one has taken still lives.
    var hasFormer = false
    /// What the process has left whose place this one takes; nil once that is over.
    private var inheritance: Inheritance?
    /// What this process has not taken of it.
    var unclaimed: [ListeningSocket] = []
    let vitality: Vitality
    let reporter: ServiceReporter

    /// A configuration, put into practice.
    struct State {
        let loaded: LoadedSettings
        let plan: LoadedPlan
        let bindings: Bindings
        /// In the order of the plan.
        let listeners: [ListenerID]
        var listenersMade: Int
        let sessionsMax: Int
        /// For new sessions.
        let transcript: Transcript?
    }

    /// Gets everything that may fail: rings, certificates, addresses. Blocks for up to a second where memory or an
    /// address is late.
    ///
    /// - Parameters:
    ///   - handed: sockets bound by someone else; a listener that has some binds none of its own.
    ///   - inheritance: what a process leaves whose place this one takes.
    ///   - notifier: is told how the process is.
    ///   - user: whom the process goes on as, once it listens; nil: as it is.
    ///   - program: what an upgrade starts; nil: there are no upgrades.
    ///   - policies: what the program brings that Mailrace is embedded in.
    ///   - takesSignals: the process's signals are for the server.
    ///   - load: what a reload takes.
    public init(
        _ loaded: LoadedSettings, log: Log, handed: HandedSockets = HandedSockets(), inheritance: Inheritance? = nil,
        notifier: SystemdNotifier = .silent, user: ServiceUser? = nil, program: UpgradeProgram? = nil,
        policies: ProgramPolicies = ProgramPolicies(), takesSignals: Bool = true, load: @escaping Loading
    ) throws(StartFailure) {
        self.log = log
        mapWatch = MapWatch(log)
        self.load = load
        self.program = program
        self.policies = policies
        self.takesSignals = takesSignals
        self.user = user
        self.inheritance = inheritance
        settingsAtStart = loaded.settings
        let plan: LoadedPlan
        do throws(SettingsProblems) {
            let claims = try handed.claimed(for: loaded)
            for warning in claims.warnings { log.warning(warning) }
            handedIn = claims.claimed
            plan = try loaded.planned(after: nil, policies)
        } catch { throw .configuration(error) }
        for warning in plan.warnings { log.warning(warning.description) }
        let shards = try Self.makeShards(loaded.settings.runtime)
        let former = inheritance?.bindings(shards: shards.count) ?? Bindings()
        let change = try Self.bind(plan, handedIn, after: former, shards: shards.count)
        let bindings = change.next
        unclaimed = (inheritance?.unknown ?? []) + change.removed.flatMap(\.sockets)
        let capacity = SessionCapacity(loaded.settings, bindings, shards: shards.count)
        if let warning = capacity.warning { log.warning(warning) }
        transcripts = TranscriptFiles(log, format: Log.Format(loaded.settings.log.format))
        let transcript: Transcript?
        do throws(SettingsProblems) {
            let opener = loaded.settings.log.transcriptFile.isEmpty ? nil : user
            transcript = try ServiceUser.open(as: opener, for: loaded) { [transcripts] () throws(SettingsProblems) in
                try loaded.transcript(transcripts)
            }
        } catch { throw .configuration(error) }
        limits = SessionLimits(loaded.limitValues(sessionsMax: capacity.sessionsMax))
        counters = CounterTable(shardCount: shards.count)
        fleet = ShardFleet(
            shards,
            ShardService.Shared(limits: limits, counters: counters, log: log, program: policies) { [events] in
                events.noteSessionsEmptied()
            })
        state = State(
            loaded: loaded, plan: plan, bindings: bindings,
            listeners: plan.listeners.indices.map(ListenerID.init(number:)),
            listenersMade: plan.listeners.count, sessionsMax: capacity.sessionsMax, transcript: transcript)
        vitality = Vitality(shards)
        reporter = ServiceReporter(notifier, vitality, rates: rates, log: log, isMuted: inheritance != nil) {
            [limits] in
            limits.sessions
        }
    }

    private static func makeShards(_ runtime: Settings.Runtime) throws(StartFailure) -> [Shard] {
        let count = runtime.shards > 0 ? runtime.shards : Int(linux_processor_count())
        let features: RingFeatures = runtime.ringFeatures == .kernel61 ? .kernel61 : RingFeatures(rawValue: .max)
        var sizes = Ring.Sizes()
        sizes.splicePipes = runtime.splicePipes(shards: count)
        var shards: [Shard] = []
        for number in 0..<count {
            do throws(RingUnavailable) {
                shards.append(try Shard(number: number, sizes: sizes, allowing: features))
            } catch { throw .unavailable(Unavailability(reason: error.description, errno: error.errno)) }
        }
        return shards
    }

    private static func bind(
        _ plan: LoadedPlan, _ handedIn: [String: [ListeningSocket]], after former: Bindings, shards: Int
    ) throws(StartFailure) -> Bindings.Change {
        do throws(Bindings.Failure) {
            return try former.change(to: plan, handedIn, shards: shards)
        } catch {
            throw .unavailable(Unavailability(reason: error.reasons.joined(separator: "\n"), errno: error.errno))
        }
    }

    /// The addresses listened on, by listener: with the ports that the system chose.
    public var addresses: [(listener: String, address: SocketAddress)] {
        state.bindings.all.map { ($0.place.listener, $0.address) }
    }

    /// Serves until SIGTERM or SIGINT has been answered by a drain, or by a second one. Blocks.
    public func run() -> Outcome {
        linux_block_signals()
        openControl()
        if let lack = becomeUser() {
            giveUpControl()
            return .unavailable(lack)
        }
        let threads = fleet.shards.map { $0.start() }
        if takesSignals { events.takeSignals() }
        let plan = servicePlan(state, since: nil)
        let reasons = fleet.prepare(plan)
        guard reasons.isEmpty else {
            stop(threads)
            giveUpControl()
            return .unavailable(Unavailability(reason: reasons.joined(separator: "\n"), errno: 0))
        }
        counters.use(CounterTable.Configuration(plan))
        fleet.onEach { local, shard in await local.adopt(plan, on: shard) }
        // What comes before the first beat counts, too.
        rates.record(at: .current(), of: counters)
        listenerRates.record(at: .current(), of: plan.listeners.map(\.statPrefix), counters)
        fleet.setDoors(doors(of: state))
        watch = FileWatch { [events] in
            events.noteFilesChanged()
            return false
        }
        watchFiles()
        showConfiguration()
        admin = openAdmin(from: left("admin", at: settingsAtStart.admin.listen.map(SocketAddress.init)))
        for (listener, address) in addresses { log.info("listening on \(address) (listener \(listener))") }
        board.noteReady()
        log.info("ready", ["shards": "\(fleet.count)", "max_sessions": "\(state.sessionsMax)"])
        reporter.use(tallies(of: state))
        let heartbeat = Heartbeat(interval: reporter.interval) {
            [rates, listenerRates, board, counters, reporter] now in
            rates.record(at: now, of: counters)
            listenerRates.record(at: now, of: board.now.configured.listeners.map(\.statPrefix), counters)
            reporter.beat(at: now)
        }
        reporter.enter(.serving)
        takePlace()
        control?.begin()
        let outcome = serve()
        heartbeat.end()
        events.endRequests(with: .ending)
        control?.close()
        watch?.end()
        mapWatch.end()
        admin?.close()
        if case .drained = outcome { stop(threads) }
        transcripts.close()
        logCounters()
        log.info("ended", ["sessions_left": "\(limits.sessions)"])
        return outcome
    }

    /// - Returns: why that cannot be.
    private func becomeUser() -> Unavailability? {
        guard let user else { return nil }
        let errno = user.become(takingAlong: control?.socket)
        guard errno == 0 else {
            return Unavailability(reason: "cannot become \(user.name): \(systemErrorText(errno))", errno: errno)
        }
        for doubt in user.doubts(about: state.loaded) { self.log.warning(doubt) }
        return nil
    }

    private func openControl() {
        let address = settingsAtStart.runtime.controlSocket.map(SocketAddress.init)
        let left = left("control", at: address)
        control = address.flatMap { address in
            ControlSocket.open(
                at: address, inherited: left, events, log, source: state.loaded.file ?? "the built-in default")
        }
    }

    /// This process will not serve: what another one has left stays with that one.
    private func giveUpControl() {
        guard let control else { return }
        if control.socket == inheritance?.socket("control") { control.leave() } else { control.close() }
    }

    /// What the process has left whose place this one takes, if it is where it is wanted now.
    private func left(_ name: String, at address: SocketAddress?) -> ListeningSocket? {
        guard let left = inheritance?.socket(name) else { return nil }
        if left.address == address { return left }
        unclaimed.append(left)
        return nil
    }

    /// Tells the process whose place this one takes that it can go.
    private func takePlace() {
        guard let inheritance = inheritance.take() else { return }
        for socket in unclaimed { socket.leave() }
        inheritance.saySuccess(unclaimed: unclaimed.map(\.descriptor))
        unclaimed = []
        hasFormer = true
        _ = Thread.start(name: "upgraded") { [reporter, events] in
            inheritance.waitForMain()
            reporter.takeOver()
            inheritance.waitForEnd()
            events.noteFormerEnded()
        }
    }

    /// Nothing lives on the shards any more.
    private func stop(_ threads: [Thread]) {
        for shard in fleet.shards { shard.post { $0.stop() } }
        for thread in threads { thread.join() }
    }
}

extension RateHistory {
    fileprivate func record(at time: Instant, of counters: CounterTable) {
        record(at: time) { value in
            switch value {
            case .sessions: counters.total(of: .sessions)
            case .refused: Counter.refusals.reduce(0) { $0 &+ counters.total(of: $1) }
            case .bytesIn: counters.total(of: .downstreamRxBytes)
            case .bytesOut: counters.total(of: .downstreamTxBytes)
            }
        }
    }
}

extension Bindings {
    /// A listener that has been handed sockets listens on these alone.
    func change(
        to plan: LoadedPlan, _ handedIn: [String: [ListeningSocket]], shards: Int
    ) throws(Failure) -> Change {
        let names = plan.listeners.map(\.settings.name)
        return try change(
            to: plan.listeners.filter { handedIn[$0.settings.name] == nil }.flatMap(\.places),
            handedIn: names.flatMap { name in (handedIn[name] ?? []).map { Binding(handedIn: $0, to: name) } },
            shards: shards)
    }
}

extension Settings.Runtime {
    /// Pipes of each shard. All of them together leave a quarter of what a user may have of them by default
    /// (fs.pipe-user-pages-soft: 64 MiB).
    fileprivate func splicePipes(shards: Int) -> Int {
        splice ? min(Ring.Sizes().splicePipes, max(1, 48 / shards)) : 0
    }
}

extension SessionCapacity {
    init(_ settings: Settings, _ bindings: Bindings, shards: Int) {
        self.init(
            configured: settings.runtime.maxSessions, shards: shards,
            listeningSockets: bindings.all.reduce(0) { $0 + $1.sockets.count },
            pipes: shards * settings.runtime.splicePipes(shards: shards),
            descriptorLimit: SessionCapacity.raisedDescriptorLimit())
    }
}
