#if SQLite
internal import Dispatch
import Synchronization

/// What a handler in another task asks of the worker's thread while that is kept for its transaction.
@available(Idempotency 0.1, *)
final class SQLiteMailbox: Sendable {
    typealias Letter = @Sendable (SQLiteRecords) -> Void

    private struct State {
        var letters: [Letter] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let arrival = DispatchSemaphore(value: 0)

    /// Leaves a letter. `false`: nobody reads them any more.
    func post(_ letter: @escaping Letter) -> Bool {
        let isOpen = state.withLock { state in
            if !state.isClosed { state.letters.append(letter) }
            return !state.isClosed
        }
        if isOpen { arrival.signal() }
        return isOpen
    }

    /// The next letter, waited for; `nil`: none has come in time.
    func next(until deadline: DispatchTime) -> Letter? {
        guard arrival.wait(timeout: deadline) == .success else { return nil }
        return state.withLock { $0.letters.removeFirst() }
    }

    /// Takes no more letters. Returns those that are still there.
    func close() -> [Letter] {
        state.withLock { state in
            state.isClosed = true
            defer { state.letters = [] }
            return state.letters
        }
    }
}
#endif
