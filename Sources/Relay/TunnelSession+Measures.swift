import Ring
import Telemetry
import Wire

// What is measured of a session before its hand-off.
extension TunnelSession {
    /// The client has sent a command.
    func noteCommand(_ verb: Verb) {
        context.counters.add(CountedCommand(verb))
        commandArrival = ring.now
    }

    /// The client has been told what it waits for, if it waits for anything.
    func noteReply() {
        guard let arrival = commandArrival.take() else { return }
        note(.commandDuration, since: arrival)
    }

    /// The client has introduced itself.
    func note(_ greeting: Line) {
        record.greeting = greeting.verb == .helo ? .helo : .ehlo
        noteName(in: greeting)
    }

    func noteName(in greeting: Line) {
        let name = greeting.command.argument.prefix(SessionRecord.greetingNameBytesMax)
        record.greetingName = String(decoding: name, as: UTF8.self)
    }

    /// Counts the time from `start` to now.
    func note(_ histogram: Histogram, since start: Instant) {
        context.counters.add(histogram, nanoseconds: ring.now.nanoseconds(since: start))
    }
}

extension CountedCommand {
    init(_ verb: Verb) {
        self =
            switch verb {
            case .helo: .helo
            case .ehlo: .ehlo
            case .lhlo: .lhlo
            case .starttls: .starttls
            case .auth: .auth
            case .mail: .mail
            case .rcpt: .rcpt
            case .data: .data
            case .bdat: .bdat
            case .rset: .rset
            case .noop: .noop
            case .quit: .quit
            case .vrfy: .vrfy
            case .expn: .expn
            case .help: .help
            case .xclient: .xclient
            case .xforward: .xforward
            case .etrn, .unknown: .other
            }
    }
}
