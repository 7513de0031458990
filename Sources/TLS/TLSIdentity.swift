import COpenSSL

/// The contents of a PEM file. They may be secret: printing this shows the name alone.
public struct TLSFile: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    /// What messages call it: the file's path.
    public var name: String
    public var bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    public var description: String { name }
    public var debugDescription: String { name }
}

/// A certificate and its private key, as bytes: reading the files is the caller's.
public struct TLSIdentity: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    /// The certificate, then those between it and the root. All of them are sent, in this order, and nothing else.
    public var certificateChain: TLSFile
    /// The private key; it may be in the same file as the chain.
    public var privateKey: TLSFile
    /// What decrypts the private key; at most 1024 bytes, without a line end.
    public var keyPassword: [UInt8]?

    public init(certificateChain: TLSFile, privateKey: TLSFile, keyPassword: [UInt8]? = nil) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.keyPassword = keyPassword
    }

    public var description: String { certificateChain.name }
    public var debugDescription: String { certificateChain.name }
}

extension TLSFile {
    /// When the first certificate in the file expires, in seconds since 1970; nil where there is none.
    public var certificateNotAfter: Int64? {
        var seconds: Int64 = 0
        let result = bytes.withUnsafeBufferPointer { copenssl_not_after($0.baseAddress, $0.count, &seconds) }
        return result == 0 ? seconds : nil
    }
}
