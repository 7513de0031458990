import Wire

/// Reads the input as a Host field, and compares the outcome with that of a reader which works on text.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHostField(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let field = Array(UnsafeBufferPointer(start: start, count: count))
    let isTrusted = HostField.isTrusted(field.span, names: ["mx.test"])
    guard field.allSatisfy({ $0 < 0x80 }) else {
        precondition(!isTrusted)
        return 0
    }
    precondition(isTrusted == isTrustedText(String(decoding: field, as: UTF8.self)))
    return 0
}

private func isTrustedText(_ text: String) -> Bool {
    if text.isEmpty { return true }
    let isBracketed = text.unicodeScalars.first == "["
    let parts = text.unicodeScalars.split(
        separator: isBracketed ? "]" : ":", maxSplits: 1, omittingEmptySubsequences: false)
    let host = String(parts[0]).lowercased()
    let rest = parts.count == 2 ? Array(parts[1]) : []
    guard isBracketed else {
        let isName = host == "localhost" || host == "mx.test" || IPAddress(host) != nil
        return isName && rest.allSatisfy(isDigit)
    }
    let isPort = rest.isEmpty || rest[0] == ":" && rest.dropFirst().allSatisfy(isDigit)
    let address = String(host.unicodeScalars.dropFirst())
    return parts.count == 2 && isPort && address.contains(":") && IPAddress(address) != nil
}

private func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
