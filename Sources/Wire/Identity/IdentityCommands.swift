/// XCLIENT and XFORWARD as they are sent to an upstream, and as they are read from a client that may say so.
public enum IdentityCommands {
    /// The longest command line, in bytes, its CRLF included.
    public static let lineLimitBytes = 512

    /// Command lines, each with its CRLF.
    public struct Lines: Sendable, Equatable {
        /// To be sent one by one: XCLIENT begins the session anew each time. None where there is nothing to tell.
        public var lines: [[UInt8]] = []
        /// What could not be told as it is: a value that is too long is never cut. An upstream that must know it, as
        /// one does a login on which its decisions rest, is not to be gone on with.
        public var omitted: Set<IdentityAttribute> = []

        public init() {}
    }

    /// The XCLIENT commands for a client.
    ///
    /// All that fits into one line is in the last one, because each XCLIENT makes the upstream forget HELO, PROTO and
    /// LOGIN of the one before, and ADDR may take away the right to send another. Only the client's destination goes
    /// ahead where it must. Where the rest is still too long, the names become `[UNAVAILABLE]`, HELO first, which the
    /// next EHLO can tell as well; then the login is left out.
    public static func xclient(_ identity: ClientIdentity, offered: Set<IdentityAttribute>) -> Lines {
        var words = Words(identity, offered, [.address, .port, .name, .reverseName, .login, .helo, .dialogue])
        let ahead = Words(identity, offered, [.localAddress, .localPort])
        var result = Lines()
        result.omitted = words.omitted
        if words.length + ahead.length + "XCLIENT\r\n".utf8.count <= lineLimitBytes {
            words.list += ahead.list
        } else if !ahead.list.isEmpty {
            result.lines.append(ahead.line("XCLIENT"))
        }
        for name in [IdentityAttribute.helo, .reverseName, .name, .login] {
            guard words.length + "XCLIENT\r\n".utf8.count > lineLimitBytes else { break }
            if words.giveUp(name) { result.omitted.insert(name) }
        }
        if !words.list.isEmpty { result.lines.append(words.line("XCLIENT")) }
        return result
    }

    /// The XFORWARD commands for a client's message. The upstream puts together what several of them tell.
    public static func xforward(_ identity: ClientIdentity, offered: Set<IdentityAttribute>) -> Lines {
        let words = Words(
            identity, offered, [.name, .address, .port, .dialogue, .helo, .identifier, .source])
        var result = Lines()
        result.omitted = words.omitted
        var next = words
        next.list = []
        for word in words.list {
            // One value of the greatest length may be too long for a line of its own, once it is xtext.
            if Words.length(of: word) + "XFORWARD\r\n".utf8.count > lineLimitBytes {
                result.omitted.insert(word.attribute)
                continue
            }
            if next.length + Words.length(of: word) + "XFORWARD\r\n".utf8.count > lineLimitBytes {
                result.lines.append(next.line("XFORWARD"))
                next.list = []
            }
            next.list.append(word)
        }
        if !next.list.isEmpty { result.lines.append(next.line("XFORWARD")) }
        return result
    }

    /// Reads what stands behind XCLIENT: `Command.argument`. An attribute of XFORWARD is none here.
    public static func xclient(argument: [UInt8]) throws(IdentityError) -> ClientIdentity {
        try identity(argument, without: [.identifier, .source])
    }

    /// Reads what stands behind XFORWARD: `Command.argument`.
    public static func xforward(argument: [UInt8]) throws(IdentityError) -> ClientIdentity {
        try identity(argument, without: [.login, .localAddress, .localPort, .reverseName])
    }

    private static func identity(
        _ argument: [UInt8], without excluded: Set<IdentityAttribute>
    ) throws(IdentityError) -> ClientIdentity {
        var identity = ClientIdentity()
        var seen = excluded
        let words = argument.split(separator: .space)
        guard !words.isEmpty else { throw .noAttribute }
        for word in words {
            guard let equals = word.firstIndex(of: UInt8(ascii: "=")),
                let attribute = IdentityAttribute(word[..<equals]), seen.insert(attribute).inserted
            else { throw .badAttribute }
            try identity.take(attribute, word[(equals + 1)...])
        }
        return identity
    }
}

/// Why XCLIENT or XFORWARD is not taken. It quotes nothing of the client's.
public enum IdentityError: Error, Equatable, CustomStringConvertible {
    case noAttribute
    /// It is none that the command has, or stands there twice.
    case badAttribute
    case badValue

    public var description: String {
        switch self {
        case .noAttribute: "no attribute"
        case .badAttribute: "attribute not known"
        case .badValue: "value of an attribute not valid"
        }
    }

    /// What the client is told.
    public var reply: LocalReply {
        switch self {
        case .noAttribute: Self.noAttributeReply
        case .badAttribute: Self.badAttributeReply
        case .badValue: Self.badValueReply
        }
    }

    private static let noAttributeReply = LocalReply(stated: 501, 5, 5, 4, "Syntax: attribute=value...")
    private static let badAttributeReply = LocalReply(stated: 501, 5, 5, 4, "Attribute not known")
    private static let badValueReply = LocalReply(stated: 501, 5, 5, 4, "Value of an attribute not valid")
}

/// The words of one command line.
private struct Words {
    var list: [(attribute: IdentityAttribute, value: [UInt8])] = []
    /// Told, offered, and too long.
    private(set) var omitted: Set<IdentityAttribute> = []

    /// Those of the attributes that are told and offered, in this order.
    init(_ identity: ClientIdentity, _ offered: Set<IdentityAttribute>, _ attributes: [IdentityAttribute]) {
        for attribute in attributes where offered.contains(attribute) && identity.isTold(attribute) {
            if let value = identity.value(of: attribute) {
                list.append((attribute, value))
            } else {
                omitted.insert(attribute)
                if attribute.isName { list.append((attribute, ClientIdentity.unavailable)) }
            }
        }
    }

    static func length(of word: (attribute: IdentityAttribute, value: [UInt8])) -> Int {
        word.attribute.rawValue.utf8.count + word.value.count + 2
    }

    /// In bytes, the space before each of them included.
    var length: Int { list.reduce(0) { $0 + Self.length(of: $1) } }

    /// Says of a name that there is none, and drops a login. False where there was nothing to drop.
    mutating func giveUp(_ attribute: IdentityAttribute) -> Bool {
        guard let index = list.firstIndex(where: { $0.attribute == attribute }) else { return false }
        if attribute.isName {
            guard list[index].value.count > ClientIdentity.unavailable.count else { return false }
            list[index].value = ClientIdentity.unavailable
        } else {
            list.remove(at: index)
        }
        return true
    }

    func line(_ command: String) -> [UInt8] {
        list.reduce(into: Array(command.utf8)) { line, word in
            line += [.space] + Array(word.attribute.rawValue.utf8) + [UInt8(ascii: "=")] + word.value
        } + [.carriageReturn, .lineFeed]
    }
}

extension IdentityAttribute {
    /// Those whose value an upstream can do without.
    fileprivate var isName: Bool { self == .name || self == .reverseName || self == .helo }
}

extension ClientIdentity {
    fileprivate func isTold(_ attribute: IdentityAttribute) -> Bool {
        switch attribute {
        case .address: address != nil
        case .port: port != nil
        case .name: name != nil
        case .reverseName: reverseName != nil
        case .login: login != nil
        case .helo: helo != nil
        case .dialogue: dialogue != nil
        case .localAddress: localAddress != nil
        case .localPort: localPort != nil
        case .identifier: identifier != nil
        case .source: source != nil
        }
    }
}
