import Idempotency
import Synchronization

/// A value behind a mutex, to be captured by many tasks.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value { mutex.withLock { $0 } }

    func update(_ body: @Sendable (inout Value) -> Void) { mutex.withLock { body(&$0) } }
}
