/// What goes wrong at one point of a session: always, or in a share of the cases.
struct Fault: Equatable, Sendable {
    enum Phase: String, CaseIterable, Sendable {
        /// Instead of the greeting.
        case connect
        case ehlo, starttls, auth, mail, rcpt
        /// The reply to DATA, or to the first BDAT of a message.
        case data
        /// Within a message.
        case body
        /// The reply to the end of a message.
        case end
        case quit
    }

    enum Action: Equatable, Sendable {
        case delay(Duration)
        /// A reply of 400 to 599. After 421, and within a message, the sink closes.
        case refuse(Int)
        case drop(Ending)
    }

    let phase: Phase
    let action: Action
    /// From 0 to 1: of how many of the cases.
    let share: Double

    /// From `PHASE` (refused with 451), `PHASE:CODE` or `PHASE:CODE:SHARE`; the share may stand without a code.
    static func refusal(_ text: String) throws(UsageError) -> Fault {
        let (phase, value, share) = try parts(text)
        let code = try value.map { value throws(UsageError) in try Values.count(value, in: 400...599) }
        return Fault(phase: phase, action: .refuse(code ?? 451), share: share)
    }

    /// From `PHASE:TIME` or `PHASE:TIME:SHARE`.
    static func delay(_ text: String) throws(UsageError) -> Fault {
        let (phase, value, share) = try parts(text)
        guard let value else { throw UsageError("'\(text)' has no time, as in data:2s") }
        return Fault(phase: phase, action: .delay(try Values.duration(value)), share: share)
    }

    /// From `PHASE` (closed), `PHASE:close`, `PHASE:reset`, each with `:SHARE` or without.
    static func drop(_ text: String) throws(UsageError) -> Fault {
        let (phase, value, share) = try parts(text)
        guard let ending = ["close": Ending.close, "reset": .reset][value ?? "close"] else {
            throw UsageError("'\(value ?? "")' is none of close, reset")
        }
        return Fault(phase: phase, action: .drop(ending), share: share)
    }

    private static func parts(_ text: String) throws(UsageError) -> (phase: Phase, value: String?, share: Double) {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
        // As it was once called.
        let name = parts.removeFirst()
        guard let phase = name == "helo" ? .ehlo : Phase(rawValue: name) else {
            let known = Phase.allCases.map(\.rawValue).joined(separator: ", ")
            throw UsageError("'\(text)' does not begin with one of: \(known)")
        }
        var share = 1.0
        if let last = parts.last, last.hasSuffix("%") {
            guard let percent = Double(last.dropLast()), (0...100).contains(percent) else {
                throw UsageError("'\(last)' is not a share from 0% to 100%")
            }
            share = percent / 100
            parts.removeLast()
        }
        guard parts.count <= 1 else { throw UsageError("'\(text)' has too many parts") }
        return (phase, parts.first, share)
    }
}

/// How a sink ends a connection.
enum Ending: Equatable, Sendable {
    /// After the last reply has been taken.
    case close
    /// At once, by a TCP reset: what is on its way is lost.
    case reset
}

/// All that goes wrong with a sink.
struct SinkFaults: Sendable {
    /// How long it waits before the greeting, and before every other reply.
    var greetingDelay = Duration.zero
    var replyDelay = Duration.zero
    private(set) var faults: [Fault] = []

    init(_ faults: [Fault] = []) { self.faults = faults }

    mutating func add(_ fault: Fault) { faults.append(fault) }

    /// What one case meets.
    struct Case: Equatable {
        var delay = Duration.zero
        /// The code of the reply instead of the usual one.
        var refusal: Int?
        var drop: Ending?
    }

    /// What the next case at a phase meets: all delays, and the first refusal or drop that its share brings.
    func meet(_ phase: Fault.Phase, _ numbers: inout RandomNumbers) -> Case {
        var met = Case()
        for fault in faults where fault.phase == phase {
            guard fault.share >= 1 || Double.random(in: 0..<1, using: &numbers) < fault.share else { continue }
            switch fault.action {
            case .delay(let time): met.delay += time
            case .refuse(let code) where met.refusal == nil && met.drop == nil: met.refusal = code
            case .drop(let ending) where met.refusal == nil && met.drop == nil: met.drop = ending
            case .refuse, .drop: break
            }
        }
        return met
    }
}
