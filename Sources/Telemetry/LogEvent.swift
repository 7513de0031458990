extension Log {
    /// What administrators want to find again: each has an id in the journal (MESSAGE_ID), never changed once
    /// released.
    public enum Event: CaseIterable, Sendable {
        /// A session has ended, after it was let in.
        case sessionEnded
        /// A transaction has ended, with a message or without.
        case messageEnded
        /// A client was turned away: there were too many sessions, or too many of its address, or it may not connect.
        case clientRefused
        /// A client has shown credentials that are not good.
        case authenticationRefused
        case reloadDone
        case reloadRefused
        /// A shard stopped choosing a server of an upstream.
        case serverDown
        /// It chooses it again.
        case serverUp

        /// 128 bits in hexadecimal, as journalctl(1) wants them.
        public var messageID: String {
            switch self {
            case .sessionEnded: "5e9c8e7f28d94b658f6f49ea71bf50b9"
            case .messageEnded: "606c2886b12840849466407392df7765"
            case .clientRefused: "9f0168f299ad4e58bc03fbdadd9dcc28"
            case .authenticationRefused: "b93e451c2ee84668b42e6f208d8e57aa"
            case .reloadDone: "8fee8ec8174243218e2269c417f34fb4"
            case .reloadRefused: "4dd1d1257ab94053b7c568ba348bd480"
            case .serverDown: "6362cc30fc734f4aaca5e03bbd6bb7b6"
            case .serverUp: "8ead784ee6d347e2a1172f3740ab8606"
            }
        }
    }
}

extension SessionRecord {
    /// What the session's line tells of.
    var event: Log.Event {
        switch end {
        case .refusedAddress, .refusedRate: .clientRefused
        default: .sessionEnded
        }
    }
}
