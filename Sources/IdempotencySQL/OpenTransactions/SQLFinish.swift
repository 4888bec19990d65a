internal import Idempotency

/// The statements with which a run is finished within the service's own transaction: the last ones before its commit.
@available(Idempotency 0.1, *)
public struct SQLFinish: Sendable {
    /// The statements, to be run in order, with their rows kept; none if the operation is not protected.
    public let statements: [SQLStatement]

    /// Makes sure that the run still has its key. If it has not, the transaction is to be rolled back: do not commit when this
    /// throws.
    ///
    /// - Parameter results: The rows of each of the ``statements``, in order.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/leaseLost``.
    public func check(_ results: [[SQLRow]]) throws {
        if statements.isEmpty { return }
        guard results.count == statements.count, case .stored? = try? SQLRecordStatements.changed(results) else {
            throw IdempotencyError.leaseLostInOpenTransaction
        }
    }
}
