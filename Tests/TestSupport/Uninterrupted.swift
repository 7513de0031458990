import Glibc

/// A system call, made again for as long as signals interrupt it: other tests of the process play with signals.
func uninterrupted<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        guard result == -1, errno == EINTR else { return result }
    }
}
