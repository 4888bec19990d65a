public import Idempotency

/// A store whose database can hold a handler's effects too, so that effect and result are committed together.
@available(Idempotency 0.1, *)
public protocol TransactionalIdempotencyStore: IdempotencyStore {
    /// Whether the store's own calls wait while a transaction is open, as they do on a database with one writer.
    ///
    /// Then a run makes no other write while its transaction is open: it would wait for itself.
    var callsWaitForTransactions: Bool { get }

    /// Opens a transaction on a connection that the store's own calls never wait for, where the database allows that.
    ///
    /// The transaction must not outlive its limit: then it is undone, and its next statement throws.
    ///
    /// - Parameter limit: How long it may stay open.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable``.
    func beginTransaction(for limit: Duration) async throws -> any SQLSession
}
