import Wire

/// The fields of a request as C takes them: one buffer, which is wiped, since a field may be a secret.
struct HTTPHead {
    /// `Name: value` and NUL, field after field.
    private var bytes: [UInt8] = []
    private var starts: [Int] = []

    /// - Parameter fields: well formed.
    init(_ fields: [HTTPRequest.Field]) {
        // All of it at once: an array that grows leaves copies behind.
        bytes.reserveCapacity(fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.count + ": \0".utf8.count })
        for field in fields {
            starts.append(bytes.count)
            bytes += field.name.utf8
            // Without a value, libcurl takes a colon for a wish that the field be left out.
            bytes += field.value.isEmpty ? ";".utf8 : ": ".utf8
            field.value.append(to: &bytes)
            bytes.append(0)
        }
    }

    mutating func wipe() { bytes.wipe() }

    func withLines<Result>(_ body: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Result) -> Result {
        bytes.withUnsafeBytes { bytes in
            let first = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            return starts.map { start in first.map { $0 + start } }.withUnsafeBufferPointer(body)
        }
    }
}
