import Policy
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
        // Who submits mail does so by AUTH, and that inside TLS (RFC 6409 section 4.3, RFC 8314 section 3.3).
        let isSubmission = listener.depth == .envelope && listener.role == .submission
        if isSubmission, result.starttls == .offer, !listener.authentication.isAllowedBeforeTLS {
            result.starttls = .require
        }
        result.isImplicitTLS = listener.role == .smtps
        result.tls = serverConfiguration(of: listener, ticketKeys: ticketKeys)
        result.dial = listener.dial == .accept ? .onAccept : .afterTLS
        if listener.proxyProtocol == .required {
            result.proxyProtocol = ListenerSettings.IncomingProxyHeader(
                trusted: listener.proxyProtocolTrusted.map(IPNetwork.init))
        }
        result.ehlo = ListenerSettings.EHLOPolicy(listener)
        if listener.depth == .envelope {
            result.envelope = EnvelopeSettings(listener)
            if settings.relaying(of: listener) == .transaction {
                result.envelope?.transactions = TransactionSettings(listener)
            }
            result.envelope?.authentication.failureLimits.exempt = settings.runtime.limitsExempt.map(IPNetwork.init)
        }
        result.sessionsPerAddressMax = listener.maxSessionsPerAddress
        if listener.minimumRate > 0 {
            let period = Int64(minimumRatePeriodSeconds)
            result.minimumRate = Pump.Limits.Rate(
                bytes: UInt64(listener.minimumRate) * UInt64(period), period: .seconds(period))
        }
        result.timeouts = ListenerSettings.Timeouts(listener.timeouts)
        return result
    }

    /// How many messages an address may begin at a listener of envelope depth.
    func messageRate(of listener: Settings.Listener) -> RateLimitTable.Values {
        var values = RateLimitTable.Values()
        guard listener.depth == .envelope else { return values }
        values.messagesMax = listener.maxMessagesPerAddress.count
        values.period = listener.maxMessagesPerAddress.per
        values.exempt = settings.runtime.limitsExempt.map(IPNetwork.init)
        return values
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

extension EnvelopeSettings {
    init(_ listener: Settings.Listener) {
        self.init()
        greetingText = listener.greeting
        greetingDelay = listener.greetingDelay
        teaser = listener.greetingTeaser.isEmpty ? nil : listener.greetingTeaser
        capabilities = listener.capabilities
        authentication = Authentication(listener.authentication)
        xclientTrusted = listener.xclientTrusted.map(IPNetwork.init)
        commandLineBytesMax = listener.clientBuffer
        errorsMax = listener.maxErrors
        commandsMax = listener.maxCommands
        conversationTimeout = listener.timeouts.conversation
    }
}

extension TransactionSettings {
    init(_ listener: Settings.Listener) {
        self.init()
        multiRoute = listener.multiRoute == .defer ? .putOff : .first
        messageBytesMax = listener.maxMessageSize
        recipientsMax = listener.maxRecipients
        lineBytesMax = listener.maxLineLength
        bareNewline = listener.bareNewline == .reject ? .reject : .normalise
        dataTimeout = listener.timeouts.data
        if listener.minimumRate > 0 { bytesPerSecondMin = listener.minimumRate }
        finalReplyTimeout = listener.timeouts.finalReply
    }
}

extension EnvelopeSettings.Authentication {
    init(_ settings: Settings.Authentication) {
        self.init()
        mechanisms = settings.mechanisms.compactMap { SASLMechanism($0) }
        isAllowedBeforeTLS = settings.isAllowedBeforeTLS
        alwaysTakesPlainAndLogin = settings.alwaysAcceptsPlainAndLogin
        failuresMax = settings.maxFailures
        failureLimits.perAddress = AuthenticationFailureLimits.Rate(settings.failuresPerAddress)
        failureLimits.perUser = AuthenticationFailureLimits.Rate(settings.failuresPerUser)
        failureLimits.delay = settings.failureDelay
        if settings.isRequired {
            withoutIt = .isRefused
        } else if settings.mechanisms.contains(.none) {
            withoutIt = .isAskedAbout
        }
    }
}

extension AuthenticationFailureLimits.Rate {
    fileprivate init(_ rate: Settings.Rate) {
        self.init(max: rate.count, period: rate.per)
    }
}

extension SASLMechanism {
    /// Nil for `none`.
    fileprivate init?(_ mechanism: Settings.Authentication.Mechanism) {
        switch mechanism {
        case .plain: self = .plain
        case .login: self = .login
        case .cramMD5: self = .cramMD5
        case .external: self = .external
        case .xoauth2: self = .xoauth2
        case .oauthbearer: self = .oauthbearer
        case .none: return nil
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
