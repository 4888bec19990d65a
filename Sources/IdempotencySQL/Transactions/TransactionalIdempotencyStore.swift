public import Idempotency

/// A store whose database can hold a handler's effects too, so that effect and result are committed together.
@available(Idempotency 0.1, *)
public protocol TransactionalIdempotencyStore: IdempotencyStore {
    /// Whether a run makes no other write, such as a renewal, while its transaction is open.
    ///
    /// It has to be so where the write would wait for the transaction, as on a database with one writer; and where the
    /// transaction would not see it, as in one that reads a snapshot, so that its finish would not find its own record.
    var excludesOtherWrites: Bool { get }

    /// Opens a transaction on a connection that the store's own calls never wait for, where the database allows that.
    ///
    /// The transaction must not outlive its limit: then it is undone, and its next statement throws.
    ///
    /// - Parameter limit: How long it may stay open.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/storeUnavailable``.
    func beginTransaction(for limit: Duration) async throws -> any SQLSession
}
