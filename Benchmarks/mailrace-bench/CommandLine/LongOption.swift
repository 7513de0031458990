import CGetopt
import Glibc

/// The name of an option, and whether something follows it.
struct LongOption {
    let name: String
    let takesArgument: Bool

    /// A part of a command line, as getopt_long sees it.
    enum Part: Equatable {
        /// The option at this index of those known; the argument is empty where it takes none.
        case option(Int, argument: String)
        case operand(String)
        /// What is wrong; nothing follows.
        case wrong(String)
    }

    /// The parts of a command line: its options, then its operands, each in their order.
    static func parse(_ arguments: [String], _ options: [LongOption]) -> [Part] {
        let names = options.map { strdup($0.name) }
        // getopt_long puts the pointers in another order; each is freed by its place here.
        let strings = (["mailrace-bench"] + arguments).map { strdup($0) }
        defer { for pointer in names + strings { free(pointer) } }
        let known = zip(options, names).map { cgetopt_option(name: $1, takes_argument: $0.takesArgument) }
        var vector = strings + [nil]
        var state = cgetopt_state()
        var parts: [Part] = []
        while true {
            let result = cgetopt_next(&state, Int32(strings.count), &vector, known, known.count)
            guard result.outcome != CGETOPT_END else { return parts }
            let part = Part(result)
            parts.append(part)
            if case .wrong = part { return parts }
        }
    }
}

extension LongOption.Part {
    fileprivate init(_ result: cgetopt_result) {
        let text = result.text.map { String(cString: $0) } ?? ""
        switch result.outcome {
        case CGETOPT_OPTION: self = .option(result.index, argument: text)
        case CGETOPT_OPERAND: self = .operand(text)
        case CGETOPT_ARGUMENT_MISSING: self = .wrong("'\(text)' needs an argument")
        case CGETOPT_ARGUMENT_UNWANTED: self = .wrong("'\(text)' takes no argument")
        case _ where result.letter != 0:
            self = .wrong("there is no option '-\(Unicode.Scalar(UInt8(bitPattern: result.letter)))'")
        default: self = .wrong("there is no option '\(text)'")
        }
    }
}
