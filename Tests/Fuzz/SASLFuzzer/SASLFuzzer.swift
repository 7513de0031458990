import Wire

/// The first byte chooses the mechanism, the lines behind it are the client's. Whatever they are, the exchange ends
/// soon, and credentials hold what their documentation says.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSASL(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = input.first else { return 0 }
    let mechanisms = SASLMechanism.allCases
    let mechanism = mechanisms[Int(first) % mechanisms.count]
    let lines = input.dropFirst().split(separator: 0x0A, omittingEmptySubsequences: false).map { Array($0) }

    // The lines as they came, and as if a client had put them into base 64.
    exchange(mechanism, lines)
    exchange(mechanism, lines.map { Base64.encoded($0.span) })
    checkBase64(Array(input.dropFirst()))
    checkCommand(lines[0])
    return 0
}

private func exchange(_ mechanism: SASLMechanism, _ lines: [[UInt8]]) {
    var server = SASLServer(mechanism, challenge: Array("<1.2@mx.test>".utf8))
    var lines = lines[...]
    let initial = lines.first?.first == 0x2B ? lines.removeFirst() : nil
    var step = initial.map { server.begin(initialResponse: $0.span) } ?? server.begin(initialResponse: nil)
    var turns = 0
    while case .challenge(let text) = step, let line = lines.popFirst() {
        turns += 1
        precondition(turns <= 3)
        precondition(Base64.decoded(text.span) != nil)
        step = server.next(line.span)
    }
    if case .credentials(let credentials) = step { check(credentials, mechanism) }
}

private func check(_ credentials: Credentials, _ mechanism: SASLMechanism) {
    precondition(credentials.mechanism == mechanism)
    for identity in [credentials.user, credentials.authorisationIdentity] {
        precondition(identity.count <= Credentials.identityLimitBytes)
        precondition(!identity.contains { [0x00, 0x0A, 0x0D].contains($0) })
    }
    let forbidden: Set<UInt8> = [0x00, 0x0A, 0x0D]
    switch credentials.proof {
    case .password(let secret):
        precondition([.plain, .login].contains(mechanism) && !secret.isEmpty && !credentials.user.isEmpty)
        secret.withBytes { bytes in for index in bytes.indices { precondition(!forbidden.contains(bytes[index])) } }
    case .digest(let secret, _): precondition(mechanism == .cramMD5 && secret.count == 32)
    case .token(let secret):
        precondition([.xoauth2, .oauthbearer].contains(mechanism) && 1...Credentials.tokenLimitBytes ~= secret.count)
        secret.withBytes { bytes in for index in bytes.indices { precondition((0x21...0x7E).contains(bytes[index])) } }
    case .certificate: precondition(mechanism == .external)
    }
    // What an upstream would be sent, is what the server's side reads.
    guard let chosen = SASLClient.mechanism(for: credentials, offered: Set(SASLMechanism.allCases)),
        !credentials.user.isEmpty
    else { return }
    var client = SASLClient(chosen, credentials)
    let line = client.begin().withBytes { span in span.indices.map { span[$0] } }
    precondition(line.count <= SASLClient.commandLimitBytes && line.suffix(2) == [0x0D, 0x0A])
    guard let command = AuthCommand(line: line.span), let range = command.initialResponse else { return }
    var server = SASLServer(chosen)
    guard case .credentials(let same) = server.begin(initialResponse: Array(line[range]).span) else {
        preconditionFailure("not understood")
    }
    precondition(same.user == credentials.user && same.authorisationIdentity == credentials.authorisationIdentity)
}

private func checkBase64(_ bytes: [UInt8]) {
    let text = Base64.encoded(bytes.span)
    precondition(text.count == Base64.encodedCount(bytes.count))
    guard let same = Base64.decoded(text.span) else { preconditionFailure("not decoded") }
    precondition(same.isSame(as: bytes.span))
    guard let decoded = Base64.decoded(bytes.span) else { return }
    precondition(decoded.withBytes { Base64.encoded($0) } == bytes)
}

private func checkCommand(_ rest: [UInt8]) {
    let line = Array("AUTH".utf8) + rest
    guard Verb(line: line.span) == .auth, let command = AuthCommand(line: line.span) else { return }
    guard let range = command.initialResponse else { return }
    precondition(!range.isEmpty && range.lowerBound > 5 && range.upperBound <= line.count)
    precondition(line[range].allSatisfy { $0 > 0x20 })
}
