public import Lookup
public import Ring
public import Telemetry

/// How a map of the type `http` asks.
public struct HTTPMapSettings: Sendable {
    /// From the configuration.
    public var name: String
    /// `{key}` in its path or its query stands for the key, which else is put behind it.
    public var server: HTTPServer
    /// For an answer.
    public var timeout = Duration.seconds(5)
    /// Sent behind Mailrace's own, in order.
    public var fields: [(name: String, value: String)] = []
    /// The names of all upstreams.
    public var upstreams: Set<String> = []

    public init(name: String, server: HTTPServer) {
        self.name = name
        self.server = server
    }
}

/// Asks a server of HTTP where a key leads to: `GET`, answered with an object of JSON.
public final class HTTPMap: Map {
    private let settings: HTTPMapSettings
    private let client: HTTPClient
    private let ring: Ring
    private let log: Log
    private var warning: MapWarning

    /// What an answer may be long, in bytes.
    static let bodyLimitBytes = 64 << 10

    /// - Throws: `failed` where libcurl cannot be used.
    public init(
        _ settings: HTTPMapSettings, _ configuration: HTTPConfiguration, on ring: Ring, _ resolver: Resolver?,
        _ log: Log
    ) throws(HTTPError) {
        var configuration = configuration
        configuration.bodyLimitBytes = Self.bodyLimitBytes
        client = try HTTPClient(ring, resolver, configuration)
        self.settings = settings
        self.ring = ring
        self.log = log
        warning = MapWarning(settings.name)
    }

    deinit { client.close() }

    public var name: String { settings.name }

    /// Who asks from now on hears that nobody can say.
    public func close() { client.close() }

    public func look(up key: MapKey, cancellation: Cancellation) async -> MapAnswer {
        let encoded = Self.encoded(key.text)
        // It would be taken out of the path, and something else be asked for.
        guard encoded != ".", encoded != ".." else { return .missing }
        var fields = [HTTPRequest.Field("Accept", "application/json")]
        fields += settings.fields.map { HTTPRequest.Field($0.name, $0.value) }
        do throws(HTTPError) {
            let answer = try await client.answer(
                to: HTTPRequest(fields: fields), of: settings.server.asking(for: encoded),
                deadline: ring.now + settings.timeout, cancellation: cancellation)
            return try read(answer)
        } catch {
            if error != .cancelled { warning.note("a map does not answer", "\(error)", to: log, at: ring.now) }
            return .failed
        }
    }

    private func read(_ answer: HTTPAnswer) throws(HTTPError) -> MapAnswer {
        switch answer.status {
        case 204, 404: return .missing
        case 200: break
        default: throw .broken("status \(answer.status)")
        }
        switch HTTPMapAnswer(answer.body) {
        case .missing: return .missing
        case .server(let server, let verifies): return .found(MapEntry(server: server, verifiesTLS: verifies))
        case .upstream(let name, let verifies):
            guard settings.upstreams.contains(name) else { throw .broken("it names an upstream that is not there") }
            return .found(MapEntry(server: Array(name.utf8), verifiesTLS: verifies))
        case .wrong(let reason): throw .broken(reason)
        }
    }

    /// RFC 3986 section 2.1: all but unreserved characters as `%NN`.
    package static func encoded(_ key: [UInt8]) -> String {
        var text = ""
        for byte in key {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                text.unicodeScalars.append(UnicodeScalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                text += byte < 0x10 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return text
    }
}

/// What the body of an answer says.
package enum HTTPMapAnswer: Equatable {
    case missing
    case server([UInt8], verifiesTLS: Bool?)
    case upstream(String, verifiesTLS: Bool?)
    /// Why it says nothing.
    case wrong(String)

    package init(_ body: [UInt8]) {
        let blanks: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
        if body.filter({ !blanks.contains($0) }) == Array("null".utf8) {
            self = .missing
            return
        }
        do throws(JSONDocument.Failure) {
            self.init(try JSONDocument(body).root)
        } catch {
            self = .wrong("no JSON: \(error.reason)")
        }
    }

    private init(_ root: JSONDocument.Value) {
        guard case .object = root else {
            self = .wrong("no object of JSON")
            return
        }
        let verifies: Bool?
        switch root["tls_verify"] {
        case .null: verifies = nil
        case .flag(let flag): verifies = flag
        default:
            self = .wrong("tls_verify is neither true nor false")
            return
        }
        switch (root["server"], root["upstream"]) {
        case (.null, .null): self = .missing
        case (.text(let server), .null): self = .server(Array(server.utf8), verifiesTLS: verifies)
        case (.null, .text(let name)): self = .upstream(name, verifiesTLS: verifies)
        default: self = .wrong("neither one server nor one upstream")
        }
    }
}
