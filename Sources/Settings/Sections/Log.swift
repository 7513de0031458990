extension Settings {
    /// `[log]`: the lines that Mailrace writes.
    public struct Log: Sendable, Equatable {
        public internal(set) var format = Format.text
        /// The least that is written.
        public internal(set) var level = Level.info
        /// Empty is standard error, or the journal under systemd.
        public internal(set) var file = ""
        /// What of the sessions' dialogue is written down.
        public internal(set) var transcript = Transcript.off
        /// Empty is where the log goes.
        public internal(set) var transcriptFile = ""
        /// Passwords are written down with it.
        public internal(set) var transcriptCredentials = false

        init() {}

        public enum Format: String, Sendable, CaseIterable {
            case text, json
        }

        /// From the gravest on.
        public enum Level: String, Sendable, CaseIterable {
            case error, warning, info, debug
        }

        public enum Transcript: String, Sendable, CaseIterable {
            case off
            /// Commands and replies up to the hand-off.
            case commands
        }
    }
}

extension Settings.Log: Section {
    static let fields: [Field<Self>] = [
        .value("format", \.format, .choice(), "How a line is written"),
        .value("level", \.level, .choice(), "The least grave lines that are written"),
        .value(
            "file", \.file, .path(optional: true),
            "The file that lines go to; empty is standard error, or the journal under systemd"),
        .value("transcript", \.transcript, .choice(), "What of the sessions' dialogue is written down"),
        .value(
            "transcript_file", \.transcriptFile, .path(optional: true),
            "The file that the dialogue goes to; empty is where the log goes"),
        .value(
            "transcript_credentials", \.transcriptCredentials, .boolean,
            "Whether passwords are written down with the dialogue"),
    ]
}
