import Wire

/// The grammar: what is done for each line, reply and connection.
func wireBenchmarks() -> [Benchmark] {
    lineBenchmarks() + messageBenchmarks() + replyBenchmarks() + proxyBenchmarks()
}

private func lineBenchmarks() -> [Benchmark] {
    let line = Array("RCPT TO:<someone@mx.example.com>\r\n".utf8)
    let lines = Array(repeatElement(line, count: 64).joined())
    return [
        Benchmark("line framing, a command of \(line.count) bytes") { count in
            var framer = LineFramer(limitBytes: 1_000)
            var offset = 0
            for _ in 0..<count {
                guard case .line(let length) = framer.next(in: lines.span.extracting(offset...)) else {
                    preconditionFailure("no line")
                }
                offset = (offset + length) % lines.count
            }
        }
    ]
}

private func messageBenchmarks() -> [Benchmark] {
    let line = Array("This is a line of ordinary text, as it stands in most of all messages there are.\r\n".utf8)
    let text = Array(repeatElement(line, count: (64 << 10) / line.count).joined())
    return [
        Benchmark("message scanning, \(text.count / line.count) lines of \(line.count) bytes") { count in
            let rules = MessageScanner.Rules(policy: .reject, lineBytesMax: 64 << 10, messageBytesMax: 0)
            var scanner = MessageScanner(rules)
            var output: [UInt8] = []
            for _ in 0..<count {
                output.removeAll(keepingCapacity: true)
                precondition(scanner.scan(text.span, into: &output) == text.count && output.count == text.count)
            }
        }
    ]
}

private let ehloLines = [
    "250-mx.example.com", "250-PIPELINING", "250-SIZE 52428800", "250-ETRN", "250-STARTTLS", "250-ENHANCEDSTATUSCODES",
    "250-8BITMIME", "250-DSN", "250-SMTPUTF8", "250 CHUNKING",
].map { Array("\($0)\r\n".utf8) }

private func assembled(_ lines: [[UInt8]]) -> Reply {
    var assembler = ReplyAssembler()
    for line in lines {
        if let reply = try? assembler.add(line.span) { return reply }
    }
    preconditionFailure("no reply")
}

private func replyBenchmarks() -> [Benchmark] {
    let short = [Array("250 2.1.5 Ok\r\n".utf8)]
    let ehlo = assembled(ehloLines)
    let hidden = Set(["CHUNKING", "ETRN", "STARTTLS"].compactMap { Capability($0) })
    let withoutTLS = ehlo.removing([.starttls])
    return [
        Benchmark("reply assembly, one line") { count in
            for _ in 0..<count { precondition(assembled(short).code == 250) }
        },
        Benchmark("reply assembly, EHLO of \(ehloLines.count) lines") { count in
            for _ in 0..<count { precondition(assembled(ehloLines).lineCount == ehloLines.count) }
        },
        Benchmark("EHLO editing, \(hidden.count) lines removed") { count in
            for _ in 0..<count {
                precondition(ehlo.removing(hidden).lineCount == ehloLines.count - hidden.count)
            }
        },
        Benchmark("EHLO editing, STARTTLS added") { count in
            for _ in 0..<count {
                guard let edited = try? withoutTLS.adding(.starttls), edited.lineCount == ehloLines.count else {
                    preconditionFailure("nothing added")
                }
            }
        },
    ]
}

private func proxyBenchmarks() -> [Benchmark] {
    guard let source = IPAddress(octets: [192, 0, 2, 1]), let destination = IPAddress(octets: [198, 51, 100, 25]) else {
        preconditionFailure("addresses")
    }
    let origin = ProxyHeader.Origin.proxied(
        source: .init(address: source, port: 40_000), destination: .init(address: destination, port: 25))
    return [ProxyHeader.Version.v1, .v2].flatMap { version in
        let header = ProxyHeader(version: version, origin: origin)
        let encode = { version == .v1 ? header.encodedV1() : header.encodedV2().bytes }
        let bytes = encode()
        return [
            Benchmark("PROXY \(version) header, written") { count in
                for _ in 0..<count { precondition(encode().count == bytes.count) }
            },
            Benchmark("PROXY \(version) header, read") { count in
                for _ in 0..<count {
                    guard case .header(_, bytes.count) = ProxyHeader.next(in: bytes.span) else {
                        preconditionFailure("no header")
                    }
                }
            },
        ]
    }
}
