/// What is known of the process as a whole, by the names that scrapers expect.
public enum ProcessFigure: CaseIterable, Sendable {
    case buildInfo
    case ready
    case draining
    case shards
    case maxSessions
    case logLinesDropped
    case certificateNotAfter
    case lastReloadSuccessful
    case lastReloadSuccessTime
    case openDescriptors
    case maxDescriptors
    case residentMemory
    case cpuTime
    case startTime

    public var series: Series {
        switch self {
        case .buildInfo: Series("mailrace_build_info", .gauge, ["version"], "Always 1; the version of Mailrace.")
        case .ready: Series("mailrace_ready", .gauge, [], "1 while sessions are accepted.")
        case .draining: Series("mailrace_draining", .gauge, [], "1 from the order to end until the end.")
        case .shards: Series("mailrace_shards", .gauge, [], "Threads that serve sessions.")
        case .maxSessions: Series("mailrace_max_sessions", .gauge, [], "Sessions there may be at one time.")
        case .logLinesDropped:
            Series("mailrace_log_lines_dropped_total", .counter, [], "Lines that the log had no room for.")
        case .certificateNotAfter:
            Series(
                "mailrace_tls_certificate_not_after_timestamp_seconds", .gauge, ["set", "certificate"],
                "When a certificate that is shown to clients expires, in Unix time.")
        case .lastReloadSuccessful:
            Series(
                "mailrace_config_last_reload_successful", .gauge, [],
                "1 where the last reload was carried out, or there was none.")
        case .lastReloadSuccessTime:
            Series(
                "mailrace_config_last_reload_success_timestamp_seconds", .gauge, [],
                "When the configuration in force was taken, in Unix time.")
        case .openDescriptors: Series("process_open_fds", .gauge, [], "Descriptors that are open.")
        case .maxDescriptors: Series("process_max_fds", .gauge, [], "Descriptors that may be open.")
        case .residentMemory: Series("process_resident_memory_bytes", .gauge, [], "Memory in use.")
        case .cpuTime: Series("process_cpu_seconds_total", .counter, [], "Processor time used, user and system.")
        case .startTime: Series("process_start_time_seconds", .gauge, [], "When the process began, in Unix time.")
        }
    }
}

/// A value of a process figure.
public struct ProcessSample: Sendable {
    public let figure: ProcessFigure
    /// One for each label of the figure's series.
    public let labels: [String]
    public let value: ExpositionValue

    public init(_ figure: ProcessFigure, _ value: ExpositionValue, labels: [String] = []) {
        precondition(labels.count == figure.series.labels.count)
        self.figure = figure
        self.labels = labels
        self.value = value
    }
}
