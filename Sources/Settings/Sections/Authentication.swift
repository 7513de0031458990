extension Settings {
    /// `[listener.NAME.auth]`: how clients say who they are, at envelope depth.
    public struct Authentication: Sendable, Equatable {
        /// Those offered and taken, in the order in which EHLO lists them; `none` is not listed.
        public internal(set) var mechanisms: [Mechanism] = []
        /// Whether mail is refused from who has not authenticated.
        public internal(set) var isRequired = false
        /// The name of an authenticator; nil where nobody can authenticate.
        public internal(set) var authenticator: String?
        /// Whether it is also offered and taken outside TLS.
        public internal(set) var isAllowedBeforeTLS = false
        /// Whether PLAIN and LOGIN are taken where they are not offered.
        public internal(set) var alwaysAcceptsPlainAndLogin = false
        /// Failures in one session, of which the last ends it.
        public internal(set) var maxFailures = 3
        /// Failures of one client address in all sessions, beyond which nobody is asked about it; 0 is no limit.
        public internal(set) var failuresPerAddress = Rate(count: 20, per: .seconds(600))
        /// Failures with one user's name in all sessions, likewise.
        public internal(set) var failuresPerUser = Rate(count: 0, per: .seconds(600))
        /// How long the answer to a failure is held back at first.
        public internal(set) var failureDelay: Duration = .seconds(1)

        init() {}

        /// RFC 4954; `none` has the authenticator decide about clients that do not authenticate, at each recipient.
        public enum Mechanism: String, Sendable, CaseIterable {
            case plain = "PLAIN"
            case login = "LOGIN"
            case cramMD5 = "CRAM-MD5"
            case external = "EXTERNAL"
            case xoauth2 = "XOAUTH2"
            case oauthbearer = "OAUTHBEARER"
            case none = "NONE"
        }

        /// What is listed where nothing else is said.
        static let standardMechanisms = [Mechanism.plain, .login]
    }
}

extension Settings.Authentication: Section {
    static let fields: [Field<Self>] = [
        .value(
            "mechanisms", \.mechanisms,
            .list(of: .mechanism, named: "mechanisms, as in [\"PLAIN\", \"LOGIN\"]", mayBeEmpty: true),
            fallback: "[\"PLAIN\", \"LOGIN\"] where authenticator is set, else []",
            "The ways to authenticate that are offered; NONE asks the authenticator also about clients that do not"),
        .value(
            "require", \.isRequired, .boolean,
            fallback: "true at envelope depth where role is submission or smtps, else false",
            "Whether mail is refused from clients that have not authenticated"),
        .value("authenticator", \.authenticator, .optionalName, "Who decides; empty is nobody"),
        .value(
            "before_tls", \.isAllowedBeforeTLS, .boolean,
            "Whether clients may authenticate outside TLS, where their passwords can be read on the way"),
        .value(
            "always_accept_plain_login", \.alwaysAcceptsPlainAndLogin, .boolean,
            "Whether PLAIN and LOGIN are taken even where they are not offered, as nginx and Angie do"),
        .value(
            "max_failures", \.maxFailures, .integer(1...100),
            "How often one session may fail to authenticate; the last failure ends it"),
        .value(
            "failures_per_address", \.failuresPerAddress, .rate,
            "How often one client address may fail to authenticate in a span of time, in all sessions, before it hears"
                + " 454; 0 is no limit. runtime.limits_exempt holds"),
        .value(
            "failures_per_user", \.failuresPerUser, .rate,
            "How often anybody may fail to authenticate as one user in a span of time; 0 is no limit. With a limit"
                + " strangers can shut a user out"),
        .value(
            "failure_delay", \.failureDelay, .duration(.zero ... .seconds(60)),
            "How long the answer to a failure is held back, twice as long with each further one of the address"),
    ]
}

extension Kind where Value == Settings.Authentication.Mechanism {
    /// In any case of letters, as SMTP has it.
    static var mechanism: Kind {
        let words = choice()
        return .string(words.expected) { text in
            if let mechanism = Value(rawValue: text.uppercased()) { return .value(mechanism) }
            let hint = Spelling.hint(for: text.uppercased(), among: Value.allCases.map(\.rawValue), quoted: true)
            return .refused("\(Quoting.shown(text)) is not \(words.expected)\(hint)")
        } format: { mechanism in
            mechanism.rawValue
        }
    }
}
