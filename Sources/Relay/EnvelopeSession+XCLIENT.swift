import Policy
import Ring
import Telemetry
import Wire

// A trusted client says which client it speaks for (Postfix's XCLIENT_README).
extension EnvelopeSession {
    /// By who the client is now: one that has said so may have given up the right to.
    var maySayXCLIENT: Bool {
        guard !envelope.xclientTrusted.isEmpty, let address = identity.source.ipAddress else { return false }
        return envelope.xclientTrusted.contains { $0.contains(address) }
    }

    /// XCLIENT: the session begins anew, with what is told of the client.
    func takeIdentity(_ line: Line) async throws(SessionEnd) {
        guard maySayXCLIENT else { return try refuse(.notAuthorised) }
        guard facts.reversePath == nil else { return try refuse(.badSequence) }
        let told: Wire.ClientIdentity
        do throws(IdentityError) { told = try IdentityCommands.xclient(argument: line.command.argument) } catch {
            return try refuse(error.reply)
        }
        identity.take(told)
        if record.proxy == nil { record.proxy = record.client }
        record.client = identity.source.description
        facts.client = identity.source
        // What the client before has shown is not this one's.
        facts.deferredCredentials = nil
        (shownCredentials, decidedBy) = (nil, nil)
        forgetLogin()
        introductions += 1
        forgetTransaction()
        take(told)
        if told.address?.value != nil { try admitAnew() }
        try await greet()
    }

    private func take(_ told: Wire.ClientIdentity) {
        // A name belongs to its address.
        if told.address != nil { searchForName() }
        if told.name != nil { nameSearch = nil }
        switch told.name {
        case nil: break
        case .known(let name): facts.clientName = .known(String(decoding: name, as: UTF8.self))
        case .unavailable: facts.clientName = .unavailable
        case .temporarilyUnavailable: facts.clientName = .temporarilyUnavailable
        }
        // These hold only where this very command tells them.
        facts.greeting = told.helo?.value.map { Greeting(isExtended: told.dialogue?.value != .smtp, name: $0) }
        usesHELO = facts.greeting?.isExtended == false
        facts.login = told.login?.value
        record.login = facts.login.map { String(decoding: $0, as: UTF8.self) }
    }
}
