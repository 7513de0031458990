extension Kind where Value == String {
    /// Text for which Mailrace knows no rule, such as a list of ciphers: anything but control characters.
    static func text(_ expected: String) -> Kind {
        .string(expected) { text in
            Control.found(in: text) ? .refused("a control character is not allowed here") : .value(text)
        } format: {
            $0
        }
    }

    /// The same, which commonly holds a password: it is not shown where it is printed.
    static func hiddenText(_ expected: String) -> Kind {
        .string(expected) { text in
            Control.found(in: text) ? .refused("a control character is not allowed here") : .value(text)
        } format: {
            $0.isEmpty ? "" : "(hidden)"
        }
    }

    /// The name of a file. Empty where the key may be left out.
    static func path(optional: Bool = false) -> Kind {
        .string(optional ? "the name of a file, or \"\"" : "the name of a file") { text in
            if text.isEmpty && !optional { return .refused("the name of a file is empty") }
            return Control.found(in: text) ? .refused("a control character is not allowed here") : .value(text)
        } format: {
            $0
        }
    }

    /// The name of a set such as `[upstream.NAME]`, or what counters go by.
    static var name: Kind {
        .string("a name") { text in
            Name.isValid(text) ? .value(text) : .refused(Name.refusal(text))
        } format: {
            $0
        }
    }

    /// The same, where none is nothing.
    static var nameOrNothing: Kind {
        .string("a name, or \"\"") { text in
            text.isEmpty || Name.isValid(text) ? .value(text) : .refused(Name.refusal(text))
        } format: {
            $0
        }
    }

    /// A name that a certificate is for: a host name, or `*.` before one for all names that are one label longer. In
    /// lower case.
    static var certificateName: Kind {
        .string("a host name, or a wildcard as in \"*.example.net\"") { text in
            let rest = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
            guard HostName.isValid(String(rest)) else {
                return .refused(
                    "\(Quoting.shown(text)) is not a host name; a wildcard stands for the first label alone, as in"
                        + " \"*.example.net\"")
            }
            return .value(text.lowercased())
        } format: {
            $0
        }
    }

    /// The keyword of a capability (RFC 5321, section 4.1.1.1), in upper case.
    static var capability: Kind {
        .string("a keyword of EHLO") { text in
            if text.uppercased() == "STARTTLS" {
                return .refused(
                    "\(Quoting.shown(text)) is not hidden here; ehlo_before_tls and ehlo_inside_tls say what becomes"
                        + " of it")
            }
            guard (1...capabilityBytesMax).contains(text.utf8.count), text.utf8.first != Ascii.dash,
                text.utf8.allSatisfy({ Ascii.isAlphanumeric($0) || $0 == Ascii.dash })
            else {
                return .refused(
                    "\(Quoting.shown(text)) is not a keyword of EHLO; expected 1 to \(capabilityBytesMax) letters,"
                        + " digits and -, as in \"CHUNKING\"")
            }
            return .value(text.uppercased())
        } format: {
            $0
        }
    }

    /// A line of the reply to EHLO: a keyword and its parameters. STARTTLS and AUTH are listed where they can be used.
    static var capabilityLine: Kind {
        .string("a line of EHLO") { text in
            let words = text.split(separator: " ", omittingEmptySubsequences: false)
            let keyword = words.first.map { $0.uppercased() } ?? ""
            if ["STARTTLS", "AUTH"].contains(keyword) {
                let other = keyword == "AUTH" ? "auth.mechanisms" : "starttls"
                return .refused("\(Quoting.shown(text)) is listed by itself where it can be used; \(other) says where")
            }
            guard (1...capabilityBytesMax).contains(keyword.utf8.count), keyword.utf8.first != Ascii.dash,
                keyword.utf8.allSatisfy({ Ascii.isAlphanumeric($0) || $0 == Ascii.dash }), text.utf8.count <= 200,
                words.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } })
            else {
                return .refused(
                    "\(Quoting.shown(text)) is not a line of EHLO; expected a keyword, and parameters with one space"
                        + " before each, as in \"SIZE 26214400\"")
            }
            return .value(([keyword] + words.dropFirst().map(String.init)).joined(separator: " "))
        } format: {
            $0
        }
    }

    /// Text of a reply: printable US-ASCII, no blanks around it.
    static func replyText(bytesMax: Int) -> Kind {
        let expected = "at most \(bytesMax) characters of printable US-ASCII"
        return .string(expected) { text in
            guard text.utf8.count <= bytesMax, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
                return .refused("\(Quoting.shown(text)) is not fit for a reply; expected \(expected)")
            }
            return .value(Ascii.trimmed(text[...]))
        } format: {
            $0
        }
    }

    /// Who authenticates (RFC 4616 section 2), or nobody.
    static var authenticationUser: Kind {
        .string("the name of a user") { text in
            if Control.found(in: text) { return .refused("a control character is not allowed here") }
            return text.utf8.count <= 255 ? .value(text) : .refused("the name has more than 255 bytes")
        } format: {
            $0
        }
    }

    private static var capabilityBytesMax: Int { 64 }

    /// A host name as EHLO says it (RFC 5321, section 4.1.2). Underscores pass: containers have them.
    static var hostName: Kind {
        .string("a host name") { text in
            HostName.isValid(text) ? .value(text) : .refused("\(Quoting.shown(text)) is not a host name")
        } format: {
            $0
        }
    }
}

extension Kind where Value == String? {
    /// The name of a set that may be left out; `""` is no name.
    static var optionalName: Kind {
        .string("a name, or \"\"") { text in
            if text.isEmpty { return .value(nil) }
            return Name.isValid(text) ? .value(text) : .refused(Name.refusal(text))
        } format: { name in
            name ?? ""
        }
    }

    /// A host name that may be left out; `""` is none. In lower case. An IP address is none.
    static var optionalHostName: Kind {
        .string("a host name, or \"\"") { text in
            if text.isEmpty { return .value(nil) }
            guard EndpointParts(text)?.isHostName == true, HostName.isValid(text) else {
                return .refused("\(Quoting.shown(text)) is not a host name")
            }
            return .value(text.lowercased())
        } format: { name in
            name ?? ""
        }
    }
}

/// The names that a user gives to sets: what serves as a bare key, as a label of a counter and as a name for systemd.
enum Name {
    static let bytesMax = 64

    static func isValid(_ text: String) -> Bool {
        text.utf8.count <= bytesMax && Quoting.isBare(text)
    }

    static func refusal(_ text: String) -> String {
        "\(Quoting.shown(text)) is not a name; expected 1 to \(bytesMax) letters, digits, - and _"
    }
}

enum HostName {
    /// RFC 1035, section 2.3.4, without the root's length byte.
    private static let bytesMax = 253
    private static let labelBytesMax = 63

    static func isValid(_ text: String) -> Bool {
        guard (1...bytesMax).contains(text.utf8.count) else { return false }
        return text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            (1...labelBytesMax).contains(label.count)
                && label.first != Ascii.dash && label.last != Ascii.dash
                && label.allSatisfy { Ascii.isAlphanumeric($0) || $0 == Ascii.dash || $0 == Ascii.underscore }
        }
    }
}

enum Control {
    /// True where `text` has a character that would end a name early, or act on a terminal.
    static func found(in text: some StringProtocol) -> Bool {
        text.utf8.contains { $0 < 0x20 || $0 == 0x7F }
    }
}
