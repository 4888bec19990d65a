#if SQLite
import CSQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import Testing

@Suite("What SQLite does for a statement, with a million records", .timeLimit(.minutes(10)))
struct SQLitePlanTests {
    private let folder = TemporaryFolder()

    private func query(_ sql: String, _ handle: OpaquePointer?) throws -> [String] {
        var statement: OpaquePointer?
        try #require(sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK)
        defer { sqlite3_finalize(statement) }
        var lines: [String] = []
        while sqlite3_step(statement) == SQLITE_ROW { lines.append(String(cString: sqlite3_column_text(statement, 3))) }
        return lines
    }

    @Test("Listing, erasing and purging are served by an index, and nothing is sorted")
    func plans() async throws {
        let store = try await SQLiteIdempotencyStore(path: folder.path("keys.db"), durability: .processCrash)
        var handle: OpaquePointer?
        try #require(sqlite3_open(folder.path("keys.db"), &handle) == SQLITE_OK)
        defer { sqlite3_close(handle) }
        let fill = """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
            INSERT INTO idempotency_records
            SELECT 'charge', 'k-' || i, 'charge', 't-' || (i % 1000), 'u-' || (i % 5000),
                CASE WHEN i % 10000 = 0 THEN 'pending' ELSE 'done' END, 1, i, i, i, 9000000000000000000 - i % 1000, x'00'
            FROM n;
            ANALYZE;
            """
        try #require(sqlite3_exec(handle, fill, nil, nil, nil) == SQLITE_OK)
        let after = RecordCursor(rawValue: "v17")
        let queries: [(RecordQuery, RecordCursor?, String)] = [
            (RecordQuery(states: [.lapsed]), nil, "idempotency_records_open"),
            (RecordQuery(states: [.lapsed, .retryable], minimumAge: .seconds(60)), after, "idempotency_records_open"),
            (RecordQuery(tenant: "t-7"), after, "idempotency_records_tenant"),
            (RecordQuery(principal: "u-7"), after, "idempotency_records_principal"),
            (RecordQuery(), RecordCursor(rawValue: "e17.4"), "idempotency_records_expiry"),
            (RecordQuery(states: [.done], operation: "charge"), nil, "idempotency_records_expiry"),
        ]
        for (query, cursor, index) in queries {
            let listing = try SQLListing(query, after: cursor, limit: 100, table: .standard)
            let plan = try self.query("EXPLAIN QUERY PLAN " + listing.sql, handle)
            #expect(plan.contains { $0.contains(index) }, "\(query): \(plan)")
            #expect(plan.allSatisfy { !$0.contains("TEMP B-TREE") }, "\(query): \(plan)")
        }
        let purge = try query(
            """
            EXPLAIN QUERY PLAN DELETE FROM idempotency_records WHERE (scope, key) IN
            (SELECT scope, key FROM idempotency_records WHERE expires_at <= 5 ORDER BY expires_at LIMIT 1000)
            """,
            handle
        )
        #expect(purge.contains { $0.contains("idempotency_records_expiry") }, "\(purge)")
        #expect(purge.allSatisfy { !$0.hasPrefix("SCAN idempotency_records") || $0.contains("INDEX") }, "\(purge)")
        await store.close()
    }
}
#endif
