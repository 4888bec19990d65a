#if SQLite
import CSQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import Testing

@Suite("What SQLite does for a statement, with a hundred thousand records", .timeLimit(.minutes(10)))
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
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
            INSERT INTO idempotency_records
            SELECT 'charge', 'k-' || i, 'charge', 't-' || (i % 1000), 'u-' || (i % 5000),
                CASE WHEN i % 1000 = 0 THEN 'pending' ELSE 'done' END, 1, i, i, i, 9000000000000000000 - i % 1000, x'00'
            FROM n;
            ANALYZE;
            """
        try #require(sqlite3_exec(handle, fill, nil, nil, nil) == SQLITE_OK)
        let records = "idempotency_records"
        let (after, place) = (RecordCursor(rawValue: "v17"), RecordCursor(rawValue: "e17.4"))
        let queries: [(RecordQuery, RecordCursor?, [String])] = [
            (RecordQuery(states: [.lapsed]), nil, ["_open"]),
            (RecordQuery(states: [.lapsed, .retryable], minimumAge: .seconds(60)), place, ["_open"]),
            (RecordQuery(tenant: "t-7"), after, ["_tenant"]),
            (RecordQuery(principal: "u-7"), after, ["_principal"]),
            (RecordQuery(), place, ["_open", "_done"]),
            (RecordQuery(states: [.done], operation: "charge"), nil, ["_done"]),
        ]
        for (query, cursor, indexes) in queries {
            let listing = try SQLListing(
                query,
                after: cursor,
                limit: 100,
                table: .standard,
                dialect: .sqlite,
                now: "\(5)"
            )
            let plan = try self.query("EXPLAIN QUERY PLAN " + listing.statement.text(in: .sqlite), handle)
            for index in indexes { #expect(plan.contains { $0.contains(records + index) }, "\(query): \(plan)") }
            let isScanned = plan.contains { $0.contains("TEMP B-TREE") || $0 == "SCAN \(records)" }
            #expect(!isScanned, "\(query): \(plan)")
        }
        let purge = try query("EXPLAIN QUERY PLAN " + store.purgeText, handle)
        for index in ["_open", "_done"] { #expect(purge.contains { $0.contains(records + index) }, "\(purge)") }
        #expect(purge.allSatisfy { !$0.contains("TEMP B-TREE") && $0 != "SCAN \(records)" }, "\(purge)")
        await store.close()
    }
}
#endif
