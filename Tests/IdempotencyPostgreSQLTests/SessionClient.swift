#if PostgreSQL
import IdempotencyPostgreSQL
import IdempotencySQL

/// An `SQLClient` over handlers' transactions: what a driver of one's own offers, on a server that is there anyway.
struct SessionClient: SQLClient {
    let store: PostgreSQLIdempotencyStore
    let dialect = SQLDialect.postgreSQL

    func transaction(_ statements: [SQLStatement], isReadOnly: Bool) async throws -> [[SQLRow]] {
        let session = try await store.beginTransaction(for: .seconds(10))
        do {
            var results: [[SQLRow]] = []
            for statement in statements { results.append(try await session.run(statement).rows) }
            try await session.commit()
            return results
        } catch SQLCommitFailure.undone(let error) {
            throw error
        } catch {
            await session.rollback()
            throw error
        }
    }
}
#endif
