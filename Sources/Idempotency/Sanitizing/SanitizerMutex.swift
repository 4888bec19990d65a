#if THREAD_SANITIZER
#if canImport(Darwin)
internal import Darwin
#elseif canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Stands in for `Synchronization.Mutex` in builds for ThreadSanitizer (`-D THREAD_SANITIZER`).
///
/// On Linux the standard library's mutex hands its lock over in a part of the runtime that the sanitizer does not see, so
/// that every contended lock would be reported as a race. It does see a POSIX mutex.
@available(Idempotency 0.1, *)
package final class SanitizerMutex<Value>: @unchecked Sendable {
    // Both are only touched between lock and unlock; that is what this type is for.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var value: Value

    package init(_ initialValue: consuming sending Value) {
        value = initialValue
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    package func withLock<Result>(_ body: (inout sending Value) throws -> sending Result) rethrows -> sending Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}

@available(Idempotency 0.1, *)
typealias Mutex<Value> = SanitizerMutex<Value>
#endif
