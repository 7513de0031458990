import Wire

/// Reads the input as the front of a connection, and checks that what was read can be written and read again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzProxyHeader(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let stream = Array(UnsafeBufferPointer(start: start, count: count))
    let outcome = ProxyHeader.next(in: stream.span)
    checkBeginnings(of: stream, outcome)
    checkText(stream)
    guard case .header(let header, let length) = outcome else { return 0 }
    precondition(length <= stream.count && header.tlvs.count <= ProxyHeader.tlvCountLimit)
    checkBinary(header)
    checkLine(header)
    return 0
}

/// A header is known with its last byte, and what is wrong stays wrong.
private func checkBeginnings(of stream: [UInt8], _ outcome: ProxyHeader.Outcome) {
    let whole = if case .header(_, let length) = outcome { length } else { stream.count }
    for count in 0..<whole {
        let earlier = ProxyHeader.next(in: stream.span.extracting(first: count))
        precondition(earlier == .incomplete || earlier == outcome)
        if case .header = earlier { preconditionFailure("a header of fewer bytes") }
        if earlier != .incomplete { break }
    }
}

/// What was read goes out whole, unless there is no room for it.
private func checkBinary(_ header: ProxyHeader) {
    for hasChecksum in [false, true] {
        for limitBytes in [ProxyHeader.formatLimitBytes, ProxyHeader.binaryLimitBytes, 256] {
            let encoded = header.encodedV2(hasChecksum: hasChecksum, limitBytes: limitBytes)
            precondition(encoded.bytes.count <= limitBytes)
            guard encoded.bytes.count <= ProxyHeader.binaryLimitBytes else { continue }
            guard case .header(let again, let length) = ProxyHeader.next(in: encoded.bytes.span) else {
                preconditionFailure("no header")
            }
            precondition(length == encoded.bytes.count && again.origin == header.origin)
            precondition(again.tlvs.count + encoded.droppedTLVs == header.tlvs.count)
            if encoded.droppedTLVs == 0 { precondition(again.tlvs == header.tlvs) }
            if let facts = header.tls, encoded.droppedTLVs == 0 { precondition(again.tls == facts) }
        }
    }
}

private func checkLine(_ header: ProxyHeader) {
    let line = header.encodedV1()
    guard case .header(let again, let length) = ProxyHeader.next(in: line.span) else { preconditionFailure("no line") }
    precondition(length == line.count && again.version == .v1)
    if case .proxied = header.origin { precondition(again.origin == header.origin) }
}

/// The input as an address and as a network: what is read is read again from what is written.
private func checkText(_ stream: [UInt8]) {
    let text = String(decoding: stream.prefix(64), as: UTF8.self)
    if let address = IPAddress(text) {
        precondition(IPAddress(address.description) == address && IPAddress(octets: address.octets) == address)
    }
    if let network = try? IPNetwork(text) {
        precondition((try? IPNetwork(network.description)) == network && network.contains(network.address))
    }
}
