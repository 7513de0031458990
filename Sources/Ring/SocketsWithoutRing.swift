import CLinux

extension ListeningSocket {
    /// Takes a connection that waits to be accepted; nil where none does.
    ///
    /// For a socket that nothing else accepts from: one that is to be closed next, where what still waits would be
    /// reset, or one with a thread of its own. After this it no longer blocks, for whoever has it.
    public func takeWaiting() -> Int32? {
        let descriptor = linux_accept_now(descriptor)
        return descriptor >= 0 ? descriptor : nil
    }
}

extension SocketAddress {
    /// Connects to a Unix socket, without a ring: for a command that does nothing else.
    ///
    /// - Returns: the descriptor, or a negative errno.
    public func connectedNow() -> Int32 {
        let descriptor = linux_stream_socket(family)
        guard descriptor >= 0 else { return descriptor }
        var raw = raw
        let result = linux_connect_now(descriptor, &raw)
        guard result < 0 else { return descriptor }
        linux_close(descriptor)
        return result
    }
}
