#if PostgreSQL
internal import Dispatch
internal import Idempotency
import Synchronization

/// The connections for handlers' transactions: so many at most, and whoever finds none free waits in line, for a while.
@available(Idempotency 0.1, *)
final class PostgreSQLSeats: Sendable {
    private typealias Waiter = (id: Int, answer: OneShot<Result<PostgreSQLSeat, any Error>>)

    private struct State {
        var free: [PostgreSQLSeat] = []
        var count = 0
        var waiters: [Waiter] = []
        var lastID = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let limit: Int
    private let timers = DispatchQueue(label: "idempotency.postgresql.seats")

    init(limit: Int) { self.limit = limit }

    /// Takes a seat, which is to be given back.
    func take(within span: Duration) async throws -> PostgreSQLSeat {
        let (seat, waiter) = try state.withLock { state -> (PostgreSQLSeat?, Waiter?) in
            if state.isClosed { throw PostgreSQLErrors.closed }
            if let seat = state.free.popLast() { return (seat, nil) }
            if state.count < limit {
                state.count += 1
                return (PostgreSQLSeat(), nil)
            }
            state.lastID += 1
            let waiter = (state.lastID, OneShot<Result<PostgreSQLSeat, any Error>>())
            state.waiters.append(waiter)
            return (nil, waiter)
        }
        if let seat { return seat }
        guard let waiter else { throw PostgreSQLErrors.closed }
        let id = waiter.id
        timers.asyncAfter(deadline: .now() + .nanoseconds(Int(clamping: span.nanoseconds))) { [weak self] in
            self?.end(id, PostgreSQLErrors.noFreeConnection)
        }
        return try await withTaskCancellationHandler {
            try await waiter.answer.value().get()
        } onCancel: {
            end(id, CancellationError())
        }
    }

    func give(_ seat: PostgreSQLSeat) {
        let (waiter, isClosed) = state.withLock { state -> (Waiter?, Bool) in
            if state.isClosed { return (nil, true) }
            if !state.waiters.isEmpty { return (state.waiters.removeFirst(), false) }
            state.free.append(seat)
            return (nil, false)
        }
        waiter?.answer.fire(.success(seat))
        if isClosed { seat.queue.async { seat.connection = nil } }
    }

    func close() async {
        let (seats, waiters) = state.withLock { state in
            state.isClosed = true
            defer { (state.free, state.waiters) = ([], []) }
            return (state.free, state.waiters)
        }
        for waiter in waiters { waiter.answer.fire(.failure(PostgreSQLErrors.closed)) }
        for seat in seats { await seat.run { seat.connection = nil } }
    }

    private func end(_ id: Int, _ error: any Error) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
            return state.waiters.remove(at: index)
        }
        waiter?.answer.fire(.failure(error))
    }
}
#endif
