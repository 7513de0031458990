import CGetopt
import Glibc

/// An option that the command line may have.
struct LongOption {
    let name: String
    let takesArgument: Bool

    /// A part of a command line, as getopt_long sees it.
    enum Part: Equatable {
        /// The option at this index of those known; the argument is empty where it takes none.
        case option(Int, argument: String)
        case operand(String)
        /// An option that is not known; nothing follows.
        case unknown(String)
        /// What is wrong; nothing follows.
        case wrong(String)
    }

    /// The parts of a command line: its options, then its operands, each in their order.
    static func parse(_ arguments: [String], _ options: [LongOption]) -> [Part] {
        let names = options.map { strdup($0.name) }
        let strings = (["mailrace"] + arguments).map { strdup($0) }
        defer { for pointer in names + strings { free(pointer) } }
        let known = zip(options, names).map { cgetopt_option(name: $1, takes_argument: $0.takesArgument) }
        var vector = strings + [nil]
        var state = cgetopt_state()
        var parts: [Part] = []
        while true {
            let result = cgetopt_next(&state, Int32(strings.count), &vector, known, known.count)
            if result.outcome == CGETOPT_END { return parts }
            let part = Part(result)
            parts.append(part)
            switch part {
            case .option, .operand: continue
            case .unknown, .wrong: return parts
            }
        }
    }
}

extension LongOption.Part {
    fileprivate init(_ result: cgetopt_result) {
        let text = result.text.map { String(cString: $0) } ?? ""
        switch result.outcome {
        case CGETOPT_OPTION: self = .option(Int(result.index), argument: text)
        case CGETOPT_OPERAND: self = .operand(text)
        case CGETOPT_ARGUMENT_MISSING: self = .wrong("option '\(text)' needs an argument")
        case CGETOPT_ARGUMENT_UNWANTED: self = .wrong("option '\(text)' takes no argument")
        case _ where result.letter != 0:
            self = .unknown("-\(Unicode.Scalar(UInt8(bitPattern: result.letter)))")
        default: self = .unknown(text)
        }
    }
}
