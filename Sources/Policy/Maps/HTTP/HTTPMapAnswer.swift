import Lookup

/// What an answer of HTTP says about a key.
package enum HTTPMapAnswer {
    /// Why it says nothing. Safe to log.
    package struct Failure: Error {
        package let reason: String
    }

    /// The body of an answer, in bytes.
    package static let bodyLimitBytes = 16 << 10
    /// Objects and lists in it: one is needed.
    private static let nestingLimit = 64

    /// Reads `{"server": "host:port", "tls_verify": true}` or `{"upstream": "name"}`; other members are passed over.
    ///
    /// - Parameters:
    ///   - status: of HTTP.
    ///   - upstreams: those that may be named.
    /// - Returns: nil where there is no such key: with status 404, and where the answer is `null` or names neither.
    /// - Throws: where it is anything else.
    package static func entry(
        status: Int, body: [UInt8], upstreams: Set<String>
    ) throws(Failure) -> MapEntry? {
        switch status {
        case 200: break
        case 404: return nil
        default: throw Failure(reason: "the status is \(status)")
        }
        guard body.count <= bodyLimitBytes else { throw Failure(reason: "the answer is too large") }
        if isNull(body) { return nil }
        let brackets = body.count { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") }
        guard brackets <= nestingLimit else { throw Failure(reason: "the answer holds too many objects") }
        let document: JSONDocument
        do throws(JSONDocument.Failure) { document = try JSONDocument(body) } catch {
            throw Failure(reason: "no JSON: \(error.reason)")
        }
        guard case .object = document.root else { throw Failure(reason: "the answer is no object") }
        return try entry(document.root, upstreams)
    }

    private static func entry(
        _ object: JSONDocument.Value, _ upstreams: Set<String>
    ) throws(Failure) -> MapEntry? {
        let server = try text("server", of: object)
        let upstream = try text("upstream", of: object)
        let verifiesTLS: Bool? =
            switch object["tls_verify"] {
            case .null: nil
            case .flag(let flag): flag
            default: throw Failure(reason: "tls_verify is neither true nor false")
            }
        if !upstream.isEmpty {
            guard server.isEmpty else { throw Failure(reason: "it names both a server and an upstream") }
            guard upstreams.contains(upstream) else { throw Failure(reason: "it names no upstream that there is") }
        } else if server.isEmpty {
            return nil
        }
        return MapEntry(server: Array((upstream + server).utf8), verifiesTLS: verifiesTLS)
    }

    /// Empty where it is missing.
    private static func text(_ name: String, of object: JSONDocument.Value) throws(Failure) -> String {
        switch object[name] {
        case .null: ""
        case .text(let text): text
        default: throw Failure(reason: "\(name) is no text")
        }
    }

    /// jansson takes objects and lists alone.
    private static func isNull(_ body: [UInt8]) -> Bool {
        func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
        let rest = body.drop(while: isBlank)
        return rest.starts(with: "null".utf8) && rest.dropFirst(4).allSatisfy(isBlank)
    }
}
