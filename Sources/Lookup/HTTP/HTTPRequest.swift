public import Wire

/// A GET request.
public struct HTTPRequest {
    /// A header field.
    public struct Field {
        /// A token (RFC 9110 section 5.6.2).
        public let name: String
        /// Anything but CR, LF and NUL.
        public let value: Secret

        public init(_ name: String, _ value: Secret) {
            self.name = name
            self.value = value
        }

        public init(_ name: String, _ value: some Collection<UInt8>) {
            self.init(name, Secret(capacityBytes: value.count) { for byte in value { $0.append(byte) } })
        }

        public init(_ name: String, _ value: String) { self.init(name, value.utf8) }

        /// Whether it can be sent as a field, and as one alone.
        var isWellFormed: Bool {
            !name.isEmpty && name.utf8.allSatisfy(Self.isOfToken)
                && value.withBytes { bytes in
                    bytes.indices.allSatisfy { bytes[$0] != 0 && bytes[$0] != 0x0A && bytes[$0] != 0x0D }
                }
        }

        private static func isOfToken(_ byte: UInt8) -> Bool {
            (0x21..<0x7f).contains(byte) && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
        }
    }

    /// In the order of sending. `Host` is added where it is not here; nothing else is.
    public var fields: [Field]
    /// The answer's header is all that is wanted: it is given as soon as it is there, and the body is dropped.
    public var wantsHeaderAlone = false
    /// An answer whose header begins without a status line is taken; its status is 0.
    public var needsNoStatusLine = false

    public init(fields: [Field] = []) {
        self.fields = fields
    }
}

/// What a server answers.
public struct HTTPAnswer: Sendable {
    /// The status code; 0 where the answer had none (`needsNoStatusLine`).
    public internal(set) var status = 0
    /// The fields of the header in their order: names as they came, values without blanks around them. Any of them may
    /// be a password.
    public internal(set) var fields: [(name: String, value: Secret)] = []
    public internal(set) var body: [UInt8] = []

    /// An answer without fields, and without a status.
    package init() {}

    /// The value of the first field of that name, in any case of letters.
    public func value(of name: String) -> [UInt8]? { values(of: name).first }

    /// The values of all fields of that name.
    public func values(of name: String) -> [[UInt8]] {
        secrets(of: name).map { secret in
            var bytes: [UInt8] = []
            secret.append(to: &bytes)
            return bytes
        }
    }

    /// The same, for what may be a password: these are overwritten when their last owner lets go of them.
    public func secrets(of name: String) -> [Secret] {
        let name = name.lowercased()
        return fields.filter { $0.name.lowercased() == name }.map(\.value)
    }
}

/// Why there is no answer. Safe to log; nothing of the request is in it.
public enum HTTPError: Error, Equatable, Sendable {
    /// A field of the request cannot be sent.
    case badRequest
    /// There is no connection, or no address to connect to; in words.
    case unreachable(String)
    /// The deadline has passed, or no connection came about in time.
    case timedOut
    /// There is no TLS, or none that can be trusted; in words.
    case insecure(String)
    /// The connection ended in the middle, or what came is no HTTP; in words.
    case broken(String)
    /// The answer is larger than the limits allow.
    case tooLarge
    /// As many requests are in flight as may be.
    case tooManyRequests
    /// The caller took the request back, or all were given up.
    case cancelled
    /// The client was closed.
    case closed
    /// libcurl cannot; in words.
    case failed(String)
}

extension HTTPError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .badRequest: "a field of the request cannot be sent"
        case .unreachable(let text): "no connection: \(text)"
        case .timedOut: "no answer in time"
        case .insecure(let text): "no trusted TLS: \(text)"
        case .broken(let text): "no valid answer: \(text)"
        case .tooLarge: "the answer is too large"
        case .tooManyRequests: "too many requests are in flight"
        case .cancelled: "taken back"
        case .closed: "the HTTP client was closed"
        case .failed(let text): text
        }
    }
}
