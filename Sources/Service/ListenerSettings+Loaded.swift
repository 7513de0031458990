import Relay
import Ring
import Settings
import TLS
import Wire

extension LoadedSettings {
    /// A listener in the terms of the sessions.
    ///
    /// - Parameter ticketKeys: what its session tickets are sealed with.
    func listenerSettings(of listener: Settings.Listener, ticketKeys: TLSTicketKeys?) -> ListenerSettings {
        var result = ListenerSettings(name: listener.name)
        result.hostname = settings.hostname
        result.starttls = ListenerSettings.StartTLSPolicy(listener.startTLS)
        result.isImplicitTLS = listener.role == .smtps
        result.tls = serverConfiguration(of: listener, ticketKeys: ticketKeys)
        result.dial = listener.dial == .accept ? .onAccept : .afterTLS
        if listener.proxyProtocol == .required {
            result.proxyProtocol = ListenerSettings.IncomingProxyHeader(
                trusted: listener.proxyProtocolTrusted.map(IPNetwork.init))
        }
        result.ehlo = ListenerSettings.EHLOPolicy(listener)
        result.sessionsPerAddressMax = listener.maxSessionsPerAddress
        if listener.minimumRate > 0 {
            let period = Int64(minimumRatePeriodSeconds)
            result.minimumRate = Pump.Limits.Rate(
                bytes: UInt64(listener.minimumRate) * UInt64(period), period: .seconds(period))
        }
        result.timeouts = ListenerSettings.Timeouts(listener.timeouts)
        return result
    }

    /// What all listeners together may carry.
    func limitValues(sessionsMax: Int) -> SessionLimits.Values {
        let runtime = settings.runtime
        var values = SessionLimits.Values(sessionsMax: sessionsMax)
        values.sessionsPerAddressMax = runtime.maxSessionsPerAddress
        values.acceptsPerAddressMax = runtime.maxAcceptsPerAddress.count
        values.acceptPeriod = runtime.maxAcceptsPerAddress.per
        values.exempt = runtime.limitsExempt.map(IPNetwork.init)
        return values
    }

    /// Over which time `minimum_rate` is an average: a command may take its time, a message may not.
    private var minimumRatePeriodSeconds: Int { 60 }
}

extension ListenerSettings.StartTLSPolicy {
    init(_ policy: Settings.Listener.StartTLS) {
        self =
            switch policy {
            case .off: .off
            case .offer: .offer
            case .require: .require
            }
    }
}

extension ListenerSettings.EHLOPolicy {
    init(_ listener: Settings.Listener) {
        self.init()
        beforeTLS =
            switch listener.ehloBeforeTLS {
            case .inject: .inject
            case .strip: .strip
            case .pass: .pass
            }
        insideTLS = listener.ehloInsideTLS == .strip ? .strip : .pass
        hidden = Set(listener.hideCapabilities.compactMap { Capability($0) })
    }
}

extension ListenerSettings.Timeouts {
    init(_ timeouts: Settings.Timeouts) {
        self.init()
        proxyHeader = timeouts.proxyHeader
        greeting = timeouts.greeting
        command = timeouts.command
        stressCommand = timeouts.stressCommand
        reply = timeouts.reply
        tlsHandshake = timeouts.tlsHandshake
        passthroughIdle = timeouts.passthroughIdle
        session = timeouts.session > .zero ? timeouts.session : nil
    }
}

extension IPNetwork {
    init(_ network: Settings.Network) {
        guard let result = IPNetwork(octets: network.address, prefixLength: network.prefixLength) else {
            preconditionFailure("a network that the settings took is none")
        }
        self = result
    }
}
