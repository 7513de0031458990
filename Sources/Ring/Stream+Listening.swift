import CLinux
import Glibc

// A connection that nobody uses just now.
extension Stream {
    /// Has `heard` called, once, from the shard's loop, as soon as there is input, the peer's direction has ended, or
    /// the deadline has passed. No task waits meanwhile.
    ///
    /// The stream may not be in use, and have no input so far. What has been heard is unread input, as ever; `close`,
    /// `hangUp` or `stopListening` follow.
    public func listen(_ heard: @escaping () -> Void) {
        precondition(reader == nil && sending == nil && !hasInput, "listening to a stream in use")
        self.heard = heard
        isInterrupted = false
        armReceive()
    }

    /// The stream is used again. What is sent from now on is read as ever.
    public func stopListening() {
        heard = nil
    }

    /// Says as much of `bytes` as the kernel takes at once, ends our direction, and closes as soon as nothing is in
    /// flight: a goodbye that nobody has to wait for. The stream is nobody's any more.
    public func hangUp(saying bytes: [UInt8]) {
        precondition(reader == nil && sending == nil, "hanging up while in use")
        queue(bytes)
        sendAtOnce()
        linux_shutdown_write(descriptor)
        guard receiving != nil else { return closeAtRest() }
        isHangingUp = true
        heard = { [self] in closeAtRest() }
        ring.cancel(receiving)
    }

    private func sendAtOnce() {
        if let layer {
            guard seal(layer) == .open else { return }
            layer.sealEnd(ciphertext: &records)
        }
        let flags = Int32(LINUX_MSG_DONTWAIT.rawValue | LINUX_MSG_NOSIGNAL.rawValue)
        let bytes = layer == nil ? outbound.unsafeBytes : records.unsafeBytes
        if !bytes.isEmpty { _ = send(descriptor, bytes.baseAddress, bytes.count, flags) }
        outbound.removeAll()
        records.removeAll()
    }

    /// A receive has ended while nobody reads. What the record layer alone has to say to it (a new ticket) is no input;
    /// what it would answer, nobody is there to send.
    func noteListening() {
        guard heard != nil else { return }
        guard hasInput || !records.isEmpty || deadlineHasPassed || isHangingUp else { return armReceive() }
        heard.take()?()
    }
}
