import Lookup
import Policy
import Ring
import Telemetry
import Wire

// The client's host name. It is looked up while the client talks, and waited for only where somebody wants it.
extension EnvelopeSession {
    /// Begins to look for the name of the address that the client has now.
    func searchForName() {
        nameSearch = nil
        facts.clientName = .unavailable
        guard let names = context.policies.hostNames else { return }
        guard let address = identity.source.ipAddress else {
            facts.clientName = .temporarilyUnavailable
            return
        }
        nameSearch = names.search(for: address.octets)
    }

    /// Puts the name into the facts, where it is there.
    func takeFoundName() {
        guard let result = nameSearch?.result else { return }
        nameSearch = nil
        facts.clientName = ClientName(result)
        context.counters.add(.clientNames, reason: facts.clientName.label)
    }

    /// As above, once it is there.
    @inline(never)
    func waitForName() async throws(SessionEnd) {
        guard let search = nameSearch else { return }
        if search.result == nil {
            let alarm = Alarm()
            pause = alarm
            // It ends by itself.
            await search.wait(alarm, on: ring, until: .never)
            pause = nil
            if isDraining { throw .drained }
        }
        takeFoundName()
    }
}

extension ClientName {
    fileprivate init(_ name: HostName) {
        self =
            switch name {
            case .known(let name, timeToLive: _): .known(name)
            case .none: .unavailable
            case .failed: .temporarilyUnavailable
            }
    }

    /// For metrics.
    fileprivate var label: String {
        switch self {
        case .known: "known"
        case .unavailable: "none"
        case .temporarilyUnavailable: "failed"
        }
    }
}
