import Wire

/// Scans the input as a message behind DATA and as chunks, in one piece, byte by byte, and in portions that the input
/// chooses: all must give the same. Whatever comes, nothing that is put out can be taken for more than one message.
///
/// The input is the limits, the length of the portions, and the stream.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMessages(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard input.count > 3 else { return -1 }
    let stream = Array(input[3...])
    for policy in [MessageScanner.BareBytes.reject, .normalise] {
        let rules = MessageScanner.Rules(
            policy: policy, lineBytesMax: 3 + Int(input[0]), messageBytesMax: Int(input[1]) * 4)
        checkMessage(stream, rules, portionBytes: 1 + Int(input[2]))
        for form in [ChunkScanner.Form.raw, .stuffed] {
            checkChunks(stream, rules, form, portionBytes: 1 + Int(input[2]))
        }
    }
    return 0
}

private struct Outcome: Equatable {
    var output: [UInt8] = []
    var fault: MessageScanner.Fault?
    var isComplete = false
    var messageBytes = 0
    var is8Bit = false
    var takenBytes = 0
}

private func checkMessage(_ stream: [UInt8], _ rules: MessageScanner.Rules, portionBytes: Int) {
    let whole = scan(stream, rules, portionBytes: max(1, stream.count))
    precondition(whole == scan(stream, rules, portionBytes: 1))
    precondition(whole == scan(stream, rules, portionBytes: portionBytes))

    let end = endOfData(stream)
    precondition(whole.isComplete == (end != nil) && whole.takenBytes == end ?? stream.count)
    precondition(rules.policy == .normalise || stream.starts(with: whole.output))
    checkOutput(whole.output, isWhole: whole.isComplete && whole.fault == nil)
    if whole.fault == nil {
        precondition(rules.messageBytesMax == 0 || whole.messageBytes <= rules.messageBytesMax)
        // What has been put right is right.
        guard whole.isComplete else { return }
        let again = scan(whole.output + [0x2E, 0x0D, 0x0A], rules, portionBytes: portionBytes)
        precondition(again.fault == nil && again.isComplete && again.output == whole.output)
        precondition(again.messageBytes == whole.messageBytes)
        precondition(again.takenBytes == whole.output.count + 3)
    }
}

private func checkChunks(
    _ stream: [UInt8], _ rules: MessageScanner.Rules, _ form: ChunkScanner.Form, portionBytes: Int
) {
    let whole = scanChunks(stream, rules, form, portionBytes: max(1, stream.count))
    precondition(whole == scanChunks(stream, rules, form, portionBytes: 1))
    precondition(whole == scanChunks(stream, rules, form, portionBytes: portionBytes))
    precondition(form == .stuffed || rules.policy == .normalise || stream.starts(with: whole.output))
    if form == .stuffed { checkOutput(whole.output, isWhole: whole.fault == nil) }
    guard whole.fault == nil, form == .stuffed else { return }
    // The line end that was added does not count towards the size.
    let reader = MessageScanner.Rules(policy: .reject, lineBytesMax: rules.lineBytesMax, messageBytesMax: 0)
    let read = scan(whole.output + [0x2E, 0x0D, 0x0A], reader, portionBytes: portionBytes)
    precondition(read.isComplete && read.takenBytes == whole.output.count + 3 && read.output == whole.output)
}

/// What may go behind DATA: no bare CR, no bare LF, no NUL, and no line that is one dot.
private func checkOutput(_ output: [UInt8], isWhole: Bool) {
    precondition(!output.contains(0))
    for index in output.indices {
        let next = index + 1 < output.count ? output[index + 1] : nil
        if output[index] == 0x0D { precondition(next == 0x0A) }
        if output[index] == 0x0A { precondition(index > 0 && output[index - 1] == 0x0D) }
    }
    precondition(endOfData(output) == nil)
    precondition(!isWhole || output.isEmpty || output.suffix(2) == [0x0D, 0x0A])
}

/// Where the first end of data ends.
private func endOfData(_ stream: [UInt8]) -> Int? {
    if stream.starts(with: [0x2E, 0x0D, 0x0A]) { return 3 }
    guard stream.count >= 5 else { return nil }
    let end = stream.indices.dropLast(4).first { stream[$0..<($0 + 5)] == [0x0D, 0x0A, 0x2E, 0x0D, 0x0A] }
    return end.map { $0 + 5 }
}

private func scan(_ stream: [UInt8], _ rules: MessageScanner.Rules, portionBytes: Int) -> Outcome {
    var scanner = MessageScanner(rules)
    var outcome = Outcome()
    for start in stride(from: 0, to: stream.count, by: portionBytes) {
        let portion = Array(stream[start..<min(start + portionBytes, stream.count)])
        let taken = scanner.scan(portion.span, into: &outcome.output)
        precondition(taken == portion.count || scanner.isComplete)
        outcome.takenBytes += taken
    }
    (outcome.fault, outcome.isComplete) = (scanner.fault, scanner.isComplete)
    (outcome.messageBytes, outcome.is8Bit) = (scanner.messageBytes, scanner.is8Bit)
    return outcome
}

private func scanChunks(
    _ stream: [UInt8], _ rules: MessageScanner.Rules, _ form: ChunkScanner.Form, portionBytes: Int
) -> Outcome {
    var scanner = ChunkScanner(rules, form: form)
    var outcome = Outcome()
    for start in stride(from: 0, to: stream.count, by: portionBytes) {
        let portion = Array(stream[start..<min(start + portionBytes, stream.count)])
        scanner.scan(portion.span, into: &outcome.output)
    }
    scanner.finish(into: &outcome.output)
    (outcome.fault, outcome.messageBytes, outcome.is8Bit) = (scanner.fault, scanner.messageBytes, scanner.is8Bit)
    return outcome
}
