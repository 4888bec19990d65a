internal import Idempotency

/// Runs pieces of a handler in transactions, each piece again where the database undoes its transaction to let another pass.
@available(Idempotency 0.1, *)
protocol Transactor {
    /// Takes a step in a transaction of its own.
    func take<Step: ResultKind>(
        step name: String,
        _ kind: Step.Type,
        _ body: nonisolated(nonsending) (SQLTransaction) async throws -> Step.Value
    ) async throws -> Step.Value
}

/// How transactions are opened, and how often one is begun again.
@available(Idempotency 0.1, *)
struct TransactionSettings: Sendable {
    let store: any TransactionalIdempotencyStore
    let limit: Duration
    let maximumTries: Int

    func makeTransaction(_ turn: any RunTurn) -> SQLTransaction { SQLTransaction(store, limit: limit, turn: turn) }
}
