internal import Idempotency

/// Runs a handler that is not protected: each of its pieces in a transaction, and no record.
@available(Idempotency 0.1, *)
struct PlainTransactor: Transactor {
    let settings: TransactionSettings

    func execute<Value>(
        _ execution: IdempotentExecution,
        _ handler: nonisolated(nonsending) (SQLTransaction, TransactionalExecution) async throws -> Value
    ) async throws -> Value {
        try await transact { transaction in
            try await handler(transaction, TransactionalExecution(execution, transaction, self))
        }
    }

    func take<Step: ResultKind>(
        step name: String,
        _ kind: Step.Type,
        _ body: nonisolated(nonsending) (SQLTransaction) async throws -> Step.Value
    ) async throws -> Step.Value {
        try await transact(body)
    }

    func transact<Value>(
        _ body: nonisolated(nonsending) (SQLTransaction) async throws -> Value
    ) async throws -> Value {
        var tries = 0
        while true {
            tries += 1
            let transaction = settings.makeTransaction(NoTurn())
            do {
                let value = try await body(transaction)
                if let session = try await transaction.endIfBegun() { try await session.commit() }
                return value
            } catch SQLCommitFailure.undone(let error as SQLError) where error.mayBeRepeated {
                guard tries < settings.maximumTries else { throw error }
            } catch SQLCommitFailure.undone(let error) {
                throw error
            } catch SQLCommitFailure.unknown(let error) {
                throw error
            } catch {
                await transaction.rollBack()
                guard transaction.mayBeRepeated, tries < settings.maximumTries else { throw error }
            }
        }
    }
}
