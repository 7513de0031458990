package import Wire

/// Lines that are said to Dovecot's auth service. They hold secrets: they are wiped when they are let go of.
package enum DovecotCommand {
    /// A parameter of a request: `name=value`, or a name alone.
    package struct Parameter: Equatable, Sendable {
        package let name: String
        package let value: [UInt8]?

        package init(_ name: String, _ value: [UInt8]? = nil) {
            self.name = name
            self.value = value
        }

        init(_ name: String, _ value: String) {
            self.init(name, Array(value.utf8))
        }
    }

    /// The start of a connection.
    ///
    /// - Parameter process: stands for this connection; no two of those that Dovecot has may be alike.
    static func greeting(process: UInt32) -> [UInt8] { Array("VERSION\t1\t2\nCPID\t\(process)\n".utf8) }

    /// Begins a request.
    ///
    /// - Parameter response: the client's initial response, decoded; nil: there is none.
    package static func begin(
        id: UInt32, mechanism: SASLMechanism, _ parameters: [Parameter], response: Secret?
    ) -> Secret {
        var start = Array("AUTH\t\(id)\t\(mechanism)".utf8)
        for parameter in parameters {
            start += Array("\t\(parameter.name)".utf8)
            if let value = parameter.value { start += [UInt8(ascii: "=")] + escaped(value) }
        }
        // It is to be the last one.
        if response != nil { start += Array("\tresp=".utf8) }
        return line(start, response)
    }

    /// Answers a challenge.
    static func answer(id: UInt32, _ response: Secret) -> Secret { line(Array("CONT\t\(id)\t".utf8), response) }

    /// Takes a request back.
    static func cancel(id: UInt32) -> [UInt8] { Array("CANCEL\t\(id)\n".utf8) }

    /// `start`, the response in base 64, a line feed.
    private static func line(_ start: [UInt8], _ response: Secret?) -> Secret {
        Secret(capacityBytes: start.count + Base64.encodedCount(response?.count ?? 0) + 1) { line in
            for byte in start { line.append(byte) }
            response?.withBytes { Base64.encode($0, into: &line) }
            line.append(0x0A)
        }
    }

    /// A value in which nothing ends it.
    static func escaped(_ value: [UInt8]) -> [UInt8] {
        value.flatMap { byte -> [UInt8] in
            switch byte {
            case 0x00: [0x01, UInt8(ascii: "0")]
            case 0x01: [0x01, UInt8(ascii: "1")]
            case 0x09: [0x01, UInt8(ascii: "t")]
            case 0x0A: [0x01, UInt8(ascii: "n")]
            case 0x0D: [0x01, UInt8(ascii: "r")]
            default: [byte]
            }
        }
    }
}
