extension Settings {
    /// `[admin]`: what Mailrace shows of itself over HTTP.
    public struct Admin: Sendable, Equatable {
        /// Nil is nowhere.
        public internal(set) var listen = ListenAddress.standardAdmin

        init() {}
    }
}

extension Settings.Admin: Section {
    static let fields: [Field<Self>] = [
        .value(
            "listen", \.listen, .optionalListenAddress,
            "Where metrics, health and status are shown over HTTP; empty is nowhere")
    ]
}

extension Settings.ListenAddress {
    /// Port 9125 of 127.0.0.1.
    fileprivate static let standardAdmin = Endpoint(address: [127, 0, 0, 1], port: 9125).map(Settings.ListenAddress.ip)
}
