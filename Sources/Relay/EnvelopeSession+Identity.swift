import Policy
import Ring
import Telemetry
import Wire

// The upstream hears who the client is: by XCLIENT, as though the client itself had connected; or by XFORWARD, for its
// log alone.
extension EnvelopeSession {
    /// Tells the upstream what it wants to know of the client.
    ///
    /// - Parameter offer: the upstream's reply to EHLO.
    /// - Returns: its reply to the last EHLO there was.
    func tellOfClient(_ offer: Reply) async throws(SessionEnd) -> Reply {
        guard pool.settings.tellsOfClient else { return offer }
        if let wanted = offer.offeredAttributes(of: .xclient) { return try await sayXCLIENT(wanted, offer) }
        if let wanted = offer.offeredAttributes(of: .xforward) { try await sayXFORWARD(wanted) }
        return offer
    }

    /// Behind each XCLIENT the upstream is where it was when it had greeted (Postfix's XCLIENT_README): it is greeted
    /// again, by the client's own name behind the last, for now the session is the client's.
    @inline(never)
    private func sayXCLIENT(_ wanted: Set<IdentityAttribute>, _ offer: Reply) async throws(SessionEnd) -> Reply {
        if wanted.contains(.name) { try await waitForName() }
        let commands = IdentityCommands.xclient(toldIdentity, offered: wanted)
        // Whoever decides by the login must not take the client for nobody.
        guard !commands.omitted.contains(.login) else { throw .upstreamNotInformed }
        let start = ring.now
        defer { note(.upstreamIdentity, since: start) }
        var offer = offer
        for (index, command) in commands.lines.enumerated() {
            phase = .upstreamIdentity
            let reply = try await answer(to: command)
            if Self.refusalsOfXCLIENT.contains(reply.code) {
                guard pool.settings.goesOnWithoutXCLIENT else { throw .upstreamNotInformed }
                return offer
            }
            // Anything else is about the client.
            guard reply.code == 220 || reply.code == 250 else { throw .refused(reply) }
            hasSaidXCLIENT = true
            let isLast = index == commands.lines.count - 1
            offer = try await greetAgain(by: isLast ? facts.greeting : nil)
            guard offer.code == 250 else { throw .refused(offer) }
        }
        return offer
    }

    /// To an XCLIENT of somebody who may not, or who says it wrongly (Postfix's XCLIENT_README).
    private static let refusalsOfXCLIENT = [500, 501, 502, 503, 504, 550]

    /// What the upstream has against that name it has against the client, as with XCLIENT itself.
    private func greetAgain(by greeting: Greeting?) async throws(SessionEnd) -> Reply {
        let name = greeting?.name ?? Array(settings.hostname.utf8)
        let verb = pool.settings.transferProtocol == .lmtp ? "LHLO " : "EHLO "
        return try await answer(to: Array(verb.utf8) + name + Array("\r\n".utf8))
    }

    /// What the upstream has against it does not matter: it is for its log. Said of each message anew (Postfix's
    /// XFORWARD_README).
    @inline(never)
    func sayXFORWARD(_ wanted: Set<IdentityAttribute>) async throws(SessionEnd) {
        let commands = try await xforward(wanted)
        phase = .upstreamIdentity
        let start = ring.now
        defer { note(.upstreamIdentity, since: start) }
        for command in commands {
            guard try await answer(to: command).code == 250 else { return }
        }
    }

    /// The commands of which that consists.
    func xforward(_ wanted: Set<IdentityAttribute>) async throws(SessionEnd) -> [[UInt8]] {
        if wanted.contains(.name) { try await waitForName() }
        return IdentityCommands.xforward(toldIdentity, offered: wanted).lines
    }

    /// The session, and which of its messages: as the log names them.
    private var identifier: String { transaction.map { "\(record.id).\($0.number)" } ?? record.id.description }

    /// Who the client is, in the terms of XCLIENT and XFORWARD.
    private var toldIdentity: Wire.ClientIdentity {
        var told = Wire.ClientIdentity()
        let source = identity.source
        told.address = source.ipAddress.map { .known($0) } ?? .unavailable
        told.port = source.ipAddress == nil ? .unavailable : .known(source.port)
        if let local = identity.destination(of: client), let address = local.ipAddress {
            told.localAddress = .known(address)
            told.localPort = .known(local.port)
        }
        switch facts.clientName {
        case .known(let name): told.name = .known(Array(name.utf8))
        case .unavailable: told.name = .unavailable
        case .temporarilyUnavailable: told.name = .temporarilyUnavailable
        }
        if let greeting = facts.greeting {
            told.helo = .known(greeting.name)
            told.dialogue = .known(greeting.isExtended ? .esmtp : .smtp)
        }
        // Where the upstream is shown the credentials it finds out itself.
        // A certificate may have been taken without a name.
        if let login = facts.login, !login.isEmpty, !pool.settings.authenticatesClients { told.login = .known(login) }
        told.identifier = .known(Array(identifier.utf8))
        told.source = .known(.remote)
        return told
    }
}
