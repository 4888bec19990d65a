import Synchronization

/// Hands one value to one waiting task. The first value counts; the waiter may come before or after it.
@available(Idempotency 0.1, *)
package final class OneShot<Value: Sendable>: Sendable {
    private enum State {
        case open
        case waiting(UnsafeContinuation<Value, Never>)
        case fired(Value)
        case over
    }

    private let state = Mutex(State.open)

    package init() {}

    /// Hands over a value.
    ///
    /// - Returns: Whether it was the first; a later one is dropped.
    @discardableResult
    package func fire(_ value: Value) -> Bool {
        let (first, waiter) = state.withLock { state -> (Bool, UnsafeContinuation<Value, Never>?) in
            switch state {
            case .open:
                state = .fired(value)
                return (true, nil)
            case .waiting(let continuation):
                state = .over
                return (true, continuation)
            case .fired, .over:
                return (false, nil)
            }
        }
        waiter?.resume(returning: value)
        return first
    }

    /// Waits for the value. To be called once; cancellation is the caller's to fire.
    package func value() async -> Value {
        await withUnsafeContinuation { continuation in
            let ready = state.withLock { state -> Value? in
                switch state {
                case .open:
                    state = .waiting(continuation)
                    return nil
                case .fired(let value):
                    state = .over
                    return value
                case .waiting, .over:
                    preconditionFailure("a one-shot has one waiter")
                }
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }
}
