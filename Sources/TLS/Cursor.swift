import COpenSSL
import Ring

/// The ciphertext of one call into OpenSSL: read from the caller's bytes, appended to the caller's queue without a stop
/// in between. There is no "output is full", hence nothing that could be lost or would have to be tried again.
enum Cursor {
    /// Runs `body` with the shim's view of `input` and `output`; neither may be used otherwise meanwhile.
    /// The queue is made `expecting` bytes longer when the first of them comes, so that it grows once.
    static func lend<Result>(
        _ input: UnsafeRawBufferPointer, output: inout ByteQueue, expecting: Int = 0,
        _ body: (UnsafeMutablePointer<copenssl_io>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &output) { queue in
            var sink = Sink(queue: queue, expected: expecting)
            return withUnsafeMutablePointer(to: &sink) { sink in
                var io = copenssl_io(
                    input: input.assumingMemoryBound(to: UInt8.self).baseAddress, input_length: input.count,
                    output: takeOutput, output_context: sink, alert_sent: -1)
                return withUnsafeMutablePointer(to: &io, body)
            }
        }
    }
}

private struct Sink {
    let queue: UnsafeMutablePointer<ByteQueue>
    var expected: Int
}

/// Called by OpenSSL, on the thread of the call, whenever it has ciphertext to send.
private func takeOutput(context: UnsafeMutableRawPointer?, bytes: UnsafePointer<UInt8>?, length: Int) {
    guard let sink = context?.assumingMemoryBound(to: Sink.self), let bytes, length > 0 else { return }
    sink.pointee.queue.pointee.append(atLeast: max(length, sink.pointee.expected)) { room in
        room.copyMemory(from: UnsafeRawBufferPointer(start: bytes, count: length))
        return length
    }
    sink.pointee.expected = 0
}
