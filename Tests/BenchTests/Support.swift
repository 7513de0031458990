@testable import mailrace_bench

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A message as the client sends it, with its terminator.
func wireForm(_ content: MessageContent, _ number: UInt64, pieceBytes: Int = 1 << 20) -> [UInt8] {
    var writer = MessageWriter(content, number: number)
    var wire: [UInt8] = []
    while !writer.isComplete {
        var piece: [UInt8] = []
        writer.append(to: &piece, until: pieceBytes)
        wire += piece
    }
    return wire
}

/// What arrives of `wire` when it comes in these pieces: the message, or nil where its end does not come.
func received(_ wire: [UInt8], cutAt cuts: [Int]) -> (message: [UInt8], rest: Int)? {
    var end = EndOfData()
    var message: [UInt8] = []
    var waiting: [UInt8] = []
    var taken = 0
    for (start, stop) in zip([0] + cuts, cuts + [wire.count]) {
        waiting += wire[start..<stop]
        let result = waiting.withUnsafeBytes { memory in
            end.take(memory.bytes) { run in run.withUnsafeBytes { message.append(contentsOf: $0) } }
        }
        waiting.removeFirst(result.consumed)
        taken += result.consumed
        if result.isEnd { return (message, wire.count - taken) }
    }
    return nil
}

/// What a check says of a message that comes in these pieces.
func verdict(_ message: [UInt8], cutAt cuts: [Int] = []) -> MessageCheck.Verdict {
    var check = MessageCheck()
    for (start, stop) in zip([0] + cuts, cuts + [message.count]) {
        message[start..<stop].withUnsafeBytes { check.add($0.bytes) }
    }
    return check.verdict
}

func content(bodyBytes: Int, run: UInt64 = 7) -> MessageContent {
    MessageContent(
        run: run, text: MessageText(seed: 1), sizes: SizeMix(bytes: bodyBytes), sender: "a@bench.example",
        recipient: "b@bench.example")
}
