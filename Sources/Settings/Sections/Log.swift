extension Settings {
    /// `[log]`: the lines that Mailrace writes.
    public struct Log: Sendable, Equatable {
        public internal(set) var format = Format.text
        /// The least that is written.
        public internal(set) var level = Level.info
        /// Empty is standard error, or the journal under systemd.
        public internal(set) var file = ""

        init() {}

        public enum Format: String, Sendable, CaseIterable {
            case text, json
        }

        /// From the gravest on.
        public enum Level: String, Sendable, CaseIterable {
            case error, warning, info, debug
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
    ]

    static let later = ["transcript", "transcript_file", "transcript_credentials"]
}
