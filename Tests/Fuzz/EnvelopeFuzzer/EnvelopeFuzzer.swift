import Wire

/// Reads the input as the argument of MAIL, RCPT, EHLO, XCLIENT and XFORWARD. What is taken holds nothing that could
/// end a line or an address early, and is the same once it has been written and read again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzEnvelope(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    for syntax in EnvelopeSyntax.allCases {
        for argument in [input, Array("FROM:".utf8) + input] { checkMail(argument, syntax) }
        for argument in [input, Array("TO:".utf8) + input] { checkRcpt(argument, syntax) }
    }
    if let name = try? GreetingName(argument: input) {
        precondition(name.bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F } && name.bytes.count <= GreetingName.limitBytes)
    }
    if let identity = try? IdentityCommands.xclient(argument: input) { checkIdentity(identity, .xclient) }
    if let identity = try? IdentityCommands.xforward(argument: input) { checkIdentity(identity, .xforward) }
    checkXtext(input)
    _ = HTTPLine.isOne(input.span)
    return 0
}

private func checkMail(_ argument: [UInt8], _ syntax: EnvelopeSyntax) {
    guard let command = try? MailCommand(argument: argument, syntax: syntax) else { return }
    if let sender = command.sender { check(sender, usesSMTPUTF8: command.usesSMTPUTF8) }
    precondition(command.size.map { $0 >= 0 } ?? true && command.parameters.count <= EnvelopeParameter.countMax)
    let written = rendered("FROM:<", command.sender?.address ?? [], command.parameters)
    precondition((try? MailCommand(argument: written, syntax: syntax)) == command)
    // What is to the letter is taken by the lenient as well, and means the same.
    if syntax == .strict { precondition((try? MailCommand(argument: argument, syntax: .lenient)) == command) }
}

private func checkRcpt(_ argument: [UInt8], _ syntax: EnvelopeSyntax) {
    guard let command = try? RcptCommand(argument: argument, syntax: syntax, usesSMTPUTF8: true) else { return }
    check(command.recipient, usesSMTPUTF8: true)
    let written = rendered("TO:<", command.recipient.address, command.parameters)
    precondition((try? RcptCommand(argument: written, syntax: syntax, usesSMTPUTF8: true)) == command)
}

private func rendered(_ start: String, _ address: [UInt8], _ parameters: [EnvelopeParameter]) -> [UInt8] {
    Array(start.utf8) + address + [0x3E] + parameters.flatMap { [0x20] + $0.rendered }
}

private func check(_ mailbox: Mailbox, usesSMTPUTF8: Bool) {
    precondition(!mailbox.localPart.isEmpty && (mailbox.isASCII || usesSMTPUTF8))
    precondition(mailbox.address.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
    // Outside quotes nothing ends an address.
    if mailbox.localPart.first != 0x22 {
        precondition(!mailbox.localPart.contains { [0x20, 0x3C, 0x3E, 0x40, 0x22, 0x5C].contains($0) })
    }
    precondition(!mailbox.domain.contains { [0x20, 0x3C, 0x3E, 0x40, 0x22, 0x5C].contains($0) })
}

private func checkIdentity(_ identity: ClientIdentity, _ verb: Verb) {
    let offered = Set(IdentityAttribute.allCases)
    let result =
        verb == .xclient
        ? IdentityCommands.xclient(identity, offered: offered) : IdentityCommands.xforward(identity, offered: offered)
    precondition(result.lines.count <= 5)
    for line in result.lines {
        precondition(line.count <= IdentityCommands.lineLimitBytes && line.suffix(2) == [0x0D, 0x0A])
        guard let command = try? Command(line: line.span) else { preconditionFailure("no command") }
        precondition(command.verb == verb)
        if verb == .xclient { precondition((try? IdentityCommands.xclient(argument: command.argument)) != nil) }
    }
    guard verb == .xclient, result.lines.count == 1, result.omitted.isEmpty, let line = result.lines.first,
        let command = try? Command(line: line.span)
    else { return }
    precondition((try? IdentityCommands.xclient(argument: command.argument)) == identity)
}

private func checkXtext(_ input: [UInt8]) {
    let text = Xtext.encoded(input)
    precondition(text.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x3D })
    precondition(Xtext.decoded(text) == (input.contains(0) ? nil : input))
    if let decoded = Xtext.decoded(input) { precondition(Xtext.decoded(Xtext.encoded(decoded)) == decoded) }
}
