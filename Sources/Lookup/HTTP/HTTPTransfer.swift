import Ring
import Wire

/// One request on its way, the answer as it grows, and the caller who waits for it.
final class HTTPTransfer {
    private unowned let client: HTTPClient
    private let wantsHeaderAlone: Bool
    private let limits: HTTPConfiguration
    private var answer = HTTPAnswer()
    private var headerBytes = 0
    private var bodyBytes = 0
    /// A line of a header without a status line, as far as it has come.
    private var bareLine: [UInt8] = []
    /// The empty line behind the header of the answer has come; what follows as a header is a trailer.
    private var isHeaderComplete = false
    private var isTooLarge = false
    private(set) var result: Result<HTTPAnswer, HTTPError>?
    private var caller: UnsafeContinuation<Void, Never>?
    /// The library's own; nil once it has ended.
    var transfer: OpaquePointer?
    private var timer: Timer?

    init(_ client: HTTPClient, _ request: HTTPRequest, _ limits: HTTPConfiguration) {
        self.client = client
        wantsHeaderAlone = request.wantsHeaderAlone
        self.limits = limits
    }

    /// Waits for the result, until `deadline` at the latest.
    func wait(on ring: Ring, until deadline: Instant) async {
        let timer = Timer(ring) { [unowned self] in giveUp(.timedOut) }
        self.timer = timer
        if result == nil {
            timer.deadline = deadline
            await withUnsafeContinuation { continuation in
                // A suspension may lie between the look above and this one; what came meanwhile does not come again.
                guard result == nil else { return continuation.resume() }
                caller = continuation
            }
        }
        // The caller has what it wants. The rest is read for a while, for the sake of the connection.
        timer.deadline = transfer == nil ? .never : ring.now + limits.leftoverTimeout
    }

    /// Ends the transfer with `error`, unless it has a result.
    func giveUp(_ error: HTTPError) {
        settle(.failure(error))
        client.drop(self)
    }

    /// What comes first counts.
    private func settle(_ result: Result<HTTPAnswer, HTTPError>) {
        guard self.result == nil else { return }
        self.result = result
        caller.take()?.resume()
    }

    /// The library holds it no longer.
    func letGo() {
        transfer = nil
        timer?.deadline = .never
        timer = nil
    }

    // MARK: What the library says

    /// A line of the header; false: enough of it.
    func take(header line: UnsafeBufferPointer<UInt8>) -> Bool {
        headerBytes += line.count
        guard headerBytes <= limits.headerLimitBytes else { return decline() }
        guard !isHeaderComplete else { return true }
        if line.starts(with: "HTTP/".utf8), answer.fields.isEmpty {
            answer.status = HTTPAnswer.status(of: line.trimmed)
        } else if !line.trimmed.isEmpty {
            answer.addField(line)
        } else if (100..<200).contains(answer.status) {
            answer = HTTPAnswer()  // Said in between; the answer is still to come.
        } else {
            completeHeader()
        }
        return true
    }

    /// A piece of the body; false: enough of it.
    func take(body bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        bodyBytes += bytes.count
        guard bodyBytes <= limits.bodyLimitBytes else { return decline() }
        if !isHeaderComplete { return takeBareHeader(bytes) }
        if !wantsHeaderAlone { answer.body.append(contentsOf: bytes) }
        return true
    }

    /// What came has no status line: its lines are those of a header all the same.
    private func takeBareHeader(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        headerBytes += bytes.count
        guard headerBytes <= limits.headerLimitBytes else { return decline() }
        for byte in bytes where !isHeaderComplete {
            bareLine.append(byte)
            guard byte == UInt8(ascii: "\n") else { continue }
            if bareLine.trimmed.isEmpty { completeHeader() } else { answer.addField(bareLine) }
            bareLine.wipe()
        }
        return true
    }

    private func completeHeader() {
        isHeaderComplete = true
        if wantsHeaderAlone { settle(.success(answer)) }
    }

    private func decline() -> Bool {
        isTooLarge = true
        return false
    }

    func end(_ failure: HTTPError?) {
        if isTooLarge {
            settle(.failure(.tooLarge))
        } else if let failure {
            settle(.failure(failure))
        } else if !isHeaderComplete {
            settle(.failure(.broken("the header has no end")))
        } else {
            settle(.success(answer))
        }
        client.noteEnd(of: self)
    }
}

extension HTTPAnswer {
    /// The code of a status line `HTTP/1.1 200 OK`; 0 where there is none.
    static func status(of line: some Collection<UInt8>) -> Int {
        let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard parts.count > 1 else { return 0 }
        return Int(String(decoding: parts[1], as: UTF8.self)) ?? 0
    }

    /// Adds what a line of the header says; nothing where it has no colon, or goes on with the line before (which
    /// RFC 9112 section 5.2 does away with).
    package mutating func addField(_ line: some BidirectionalCollection<UInt8>) {
        guard let first = line.first, first != 0x20, first != 0x09 else { return }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
        let name = String(decoding: line[..<colon], as: UTF8.self)
        let value = line[line.index(after: colon)...].trimmed
        let secret = Secret(capacityBytes: value.count) { text in
            for byte in value { text.append(byte) }
        }
        fields.append((name, secret))
    }
}

extension BidirectionalCollection<UInt8> {
    /// Without blanks and line ends around it.
    var trimmed: SubSequence {
        func isBlank(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
        let start = firstIndex { !isBlank($0) } ?? endIndex
        var rest = self[start...]
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return rest
    }
}
