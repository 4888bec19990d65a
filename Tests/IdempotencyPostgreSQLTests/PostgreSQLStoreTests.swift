#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import Testing

@Suite("A PostgreSQL store", .timeLimit(.minutes(10)))
struct PostgreSQLStoreTests {
    private func key(_ value: String = "k-1") throws -> IdempotencyKey {
        try IdempotencyKey(scope: IdempotencyScope("charge", tenant: "acme", principal: "u-1"), value: value)
    }

    @Test("What was answered is there in another store, and replayed")
    func replayed() async throws {
        let table = try Server.freshTable()
        let first = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table)
        #expect(try await IdempotencyInterceptor(store: first).idempotent(key: key()) { _ in "A" } == "A")
        await first.close()
        let second = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table)
        #expect(try await IdempotencyInterceptor(store: second).idempotent(key: key()) { _ in "B" } == "A")
    }
}
#endif
