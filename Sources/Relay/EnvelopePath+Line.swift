import Policy
import Wire

extension EnvelopePath {
    enum Role {
        case sender, recipient
    }

    init?(_ line: Line, _ role: Role) {
        let argument = line.command.argument
        let start = Array((role == .sender ? "FROM:" : "TO:").utf8)
        guard argument.count > start.count, argument.prefix(start.count).map({ $0 & 0xdf }) == start.map({ $0 & 0xdf }),
            let open = argument.firstIndex(of: 60), let close = argument.firstIndex(of: 62), open < close
        else { return nil }
        self.init(command: Array(line.bytes.dropLast(2)), address: Array(argument[(open + 1)..<close]))
    }
}
