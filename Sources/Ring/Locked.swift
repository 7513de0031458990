import Glibc

/// A value behind a pthread mutex, with a condition to wait for.
///
/// For what threads share besides atomics. Not `Synchronization.Mutex`: that one is a futex inside an uninstrumented
/// library, which the thread sanitizer reports as a race on Linux.
///
/// `@unchecked Sendable`: the value is reached only with the mutex held.
public struct Locked<Value>: ~Copyable, @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private let value: UnsafeMutablePointer<Value>

    public init(_ initial: sending Value) {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        changed = .allocate(capacity: 1)
        changed.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
        value = .allocate(capacity: 1)
        value.initialize(to: initial)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
        pthread_cond_destroy(changed)
        changed.deallocate()
        value.deinitialize(count: 1)
        value.deallocate()
    }

    /// Runs `body` with the lock held. `body` must not block and must not take another lock.
    public func withLock<Result>(_ body: (inout sending Value) -> sending Result) -> sending Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body(&value.pointee)
    }

    /// Waits, blocking the thread, until `condition` holds, then runs `body` under the same lock.
    /// Whoever changes the value so that it may hold calls `signal()` afterwards.
    public func withLock<Result>(
        when condition: (Value) -> Bool, _ body: (inout sending Value) -> sending Result
    ) -> sending Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !condition(value.pointee) { pthread_cond_wait(changed, mutex) }
        return body(&value.pointee)
    }

    /// The same, but waits no later than `deadline`: nil where the condition does not hold by then.
    public func withLock<Result>(
        when condition: (Value) -> Bool, until deadline: Instant, _ body: (inout sending Value) -> sending Result
    ) -> sending Result? {
        let (seconds, nanoseconds) = deadline.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        var moment = timespec(tv_sec: Int(clamping: seconds), tv_nsec: Int(nanoseconds))
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !condition(value.pointee) {
            guard pthread_cond_timedwait(changed, mutex, &moment) != ETIMEDOUT else { break }
        }
        return condition(value.pointee) ? body(&value.pointee) : nil
    }

    /// Lets every waiting thread look at its condition again.
    public func signal() {
        pthread_cond_broadcast(changed)
    }
}
