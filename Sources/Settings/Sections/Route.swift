extension Settings {
    /// `[[listener.NAME.route]]`: where recipients go, at envelope depth. One of the two is there.
    public struct Route: Sendable, Equatable {
        /// The name of a map, which knows some of them.
        public internal(set) var map: String?
        /// The name of an upstream, to which all of them go.
        public internal(set) var upstream: String?

        init() {}
    }
}

extension Settings.Route: Section {
    static let fields: [Field<Self>] = [
        .value(
            "map", \.map, .optionalName, fallback: "none; this or upstream",
            "The map that knows where a recipient goes; who is not in it goes on"),
        .value(
            "upstream", \.upstream, .optionalName, fallback: "none; this or map",
            "The upstream that takes whoever has come this far"),
    ]
}
