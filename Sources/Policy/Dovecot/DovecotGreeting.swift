package import Lookup
import Wire

/// What Dovecot tells at the start of a connection: who speaks, and which mechanisms it knows.
package struct DovecotGreeting {
    /// Lines before its end, at most.
    static let linesMax = 256

    private var hasVersion = false
    private var lines = 0
    /// By their names.
    package private(set) var mechanisms: Set<String> = []

    package init() {}

    /// Takes the next line; nil where it cannot be read.
    ///
    /// - Returns: true where it is the last.
    package mutating func take(_ line: DovecotLine?) throws(ConnectionFailure) -> Bool {
        lines += 1
        guard lines <= Self.linesMax else { throw ConnectionFailure("the greeting has no end") }
        switch line {
        case .version(let major):
            guard major == 1 else { throw ConnectionFailure("it speaks version \(major) of the protocol, not 1") }
            hasVersion = true
        case .mechanism(let name) where hasVersion: mechanisms.insert(name)
        case .other where hasVersion: break
        case .done where hasVersion: return true
        default: throw ConnectionFailure("it does not greet as Dovecot's auth service does")
        }
        return false
    }
}
