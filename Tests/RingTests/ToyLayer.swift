@testable import Ring

/// A record layer to test with: a record is one length byte and as many bytes, each XORed with a key. Length 0 is the
/// notice of the end; a record of three bytes of the forged mark makes the layer fail.
///
/// The handshake is one record each way with the word `hi`; the client begins.
final class ToyLayer: RecordLayer {
    enum Role { case client, server }

    static let forgery: [UInt8] = [3, 0xff, 0xff, 0xff]
    private static let hello = Array("hi".utf8)
    private let key: UInt8
    private let role: Role
    private var incomplete: [UInt8] = []
    private var hasBegun = false
    private var hasEnded = false
    private var hasSealedEnd = false
    private(set) var isEstablished = false
    /// Answers each record after the handshake with one of this many bytes, as TLS may answer a peer's key update.
    private let answerBytes: Int
    /// Seals this many bytes and fails then.
    var sealLimitBytes = Int.max

    init(_ role: Role, key: UInt8 = 0x5a, answerBytes: Int = 0) {
        self.role = role
        self.key = key
        self.answerBytes = answerBytes
    }

    func open(_ ciphertext: RawSpan, plaintext: inout ByteQueue, reply: inout ByteQueue) -> RecordStatus {
        if role == .client && !hasBegun { append(Self.hello[...], to: &reply) }
        hasBegun = true
        guard !hasEnded else { return .ended }
        ciphertext.withUnsafeBytes { incomplete.append(contentsOf: $0) }
        var start = 0
        while start < incomplete.count {
            let length = Int(incomplete[start])
            guard start + 1 + length <= incomplete.count else { break }
            let status = take(incomplete[start...start + length], &plaintext, &reply)
            start += 1 + length
            guard status == .open else {
                incomplete = []
                return status
            }
        }
        incomplete.removeFirst(start)
        return .open
    }

    private func take(
        _ record: ArraySlice<UInt8>, _ plaintext: inout ByteQueue, _ reply: inout ByteQueue
    ) -> RecordStatus {
        guard record.elementsEqual(Self.forgery) == false else {
            append(Array("alert".utf8)[...], to: &reply)
            return .failed
        }
        guard record.count > 1 else {
            hasEnded = true
            return .ended
        }
        let text = record.dropFirst().map { $0 ^ key }
        if isEstablished {
            plaintext.append(text)
            if answerBytes > 0 { append([UInt8](repeating: 0x41, count: answerBytes)[...], to: &reply) }
        } else {
            guard text == Self.hello else { return .failed }
            isEstablished = true
            if role == .server { append(Self.hello[...], to: &reply) }
        }
        return .open
    }

    func seal(_ plaintext: RawSpan, ciphertext: inout ByteQueue) -> RecordStatus {
        precondition(isEstablished && !hasSealedEnd)
        guard plaintext.byteCount <= sealLimitBytes else { return .failed }
        plaintext.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                append(Array(rest.prefix(255))[...], to: &ciphertext)
                rest = rest.dropFirst(255)
            }
        }
        return .open
    }

    func sealEnd(ciphertext: inout ByteQueue) {
        guard !hasSealedEnd else { return }
        hasSealedEnd = true
        ciphertext.append([0])
    }

    private func append(_ text: ArraySlice<UInt8>, to queue: inout ByteQueue) {
        var record = [UInt8(text.count)]
        record.append(contentsOf: text.map { $0 ^ key })
        queue.append(record)
    }

    /// `text` as records, without a layer: what a peer driven by hand says.
    static func records(_ text: String, key: UInt8 = 0x5a) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let part = rest.prefix(255)
            bytes.append(UInt8(part.count))
            bytes.append(contentsOf: part.map { $0 ^ key })
            rest = rest.dropFirst(part.count)
        }
        return bytes
    }

    /// What `bytes`, whole records, carry.
    static func text(_ bytes: [UInt8], key: UInt8 = 0x5a) -> [UInt8] {
        var text: [UInt8] = []
        var rest = bytes[...]
        while let length = rest.first {
            text.append(contentsOf: rest.dropFirst().prefix(Int(length)).map { $0 ^ key })
            rest = rest.dropFirst(Int(length) + 1)
        }
        return text
    }
}
