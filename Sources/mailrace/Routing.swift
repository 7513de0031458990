import Policy
import Ring
import Service
import Settings
import Telemetry
import Wire

/// `mailrace route`: where mail for a recipient goes.
enum Routing {
    static func run(_ options: Options) -> ExitCode {
        guard let inquiry = options.inquiry else { preconditionFailure("a route of nobody is asked for") }
        let loaded: LoadedSettings
        do throws(SettingsProblems) {
            loaded = try Settings.load(options.sources, passesOverCredentials: true)
        } catch {
            error.show()
            return .configuration
        }
        // The service alone can see its credentials.
        for problem in loaded.passedOver where problem.key?.hasPrefix("map.") == true {
            Terminal.writeError("warning: \(problem)\n")
        }
        do throws(RouteInquiry.Failure) {
            return show(RouteText(try inquiry.answer(loaded)), options)
        } catch {
            switch error {
            case .listener(let reason):
                Terminal.writeError("mailrace: \(reason)\n")
                return .usage
            case .configuration(let problems):
                problems.show()
                return .configuration
            case .unavailable(let reason):
                Terminal.writeError("mailrace: \(reason)\n")
                return .unavailable
            }
        }
    }

    private static func show(_ text: RouteText, _ options: Options) -> ExitCode {
        if options.isVerbose { Terminal.writeError(text.asked.map { "\($0)\n" }.joined()) }
        let isShown = Terminal.show((options.printsJSON ? [text.json] : text.lines).map { "\($0)\n" }.joined())
        if case .unavailable = text.answer.route { Terminal.writeError("mailrace: \(text.failure)\n") }
        guard isShown == .success else { return isShown }
        return switch text.answer.route {
        case .to: .success
        case .refuse, .unknown: .unknown
        case .unavailable: .temporary
        }
    }
}

extension RouteInquiry {
    init(recipient: String?) throws(UsageError) {
        guard let recipient else { throw UsageError(message: "the address of a recipient is missing") }
        let path = Self.path(recipient)
        do throws(EnvelopeCommandError) {
            let command = try RcptCommand(
                argument: Array("TO:".utf8) + path, syntax: .lenient, usesSMTPUTF8: true)
            guard command.parameters.isEmpty else { throw EnvelopeCommandError.badRecipient }
            self.init(
                recipient: EnvelopePath(command: Array("RCPT TO:".utf8) + path, address: command.recipient.address))
        } catch { throw UsageError(message: "'\(recipient)' is not the address of a recipient") }
    }

    static func sender(_ text: String) throws(UsageError) -> EnvelopePath {
        let path = path(text)
        do throws(EnvelopeCommandError) {
            let argument = Array("FROM:".utf8) + path
            let command = try MailCommand(argument: argument + Array(" SMTPUTF8".utf8), syntax: .lenient)
            guard command.parameters.count == 1 else { throw EnvelopeCommandError.badSender }
            return EnvelopePath(command: Array("MAIL ".utf8) + argument, address: command.sender?.address ?? [])
        } catch { throw UsageError(message: "'--sender \(text)': expected an address, as in joe@example.com, or ''") }
    }

    static func client(_ text: String) throws(UsageError) -> SocketAddress {
        if let address = IPAddress(text) { return SocketAddress(octets: address.octets, port: 0) }
        throw UsageError(message: "'--client \(text)': expected an IP address, as in 192.0.2.1 or 2001:db8::1")
    }

    /// In its angle brackets.
    private static func path(_ text: String) -> [UInt8] {
        Array((text.hasPrefix("<") ? text : "<\(text)>").utf8)
    }
}
