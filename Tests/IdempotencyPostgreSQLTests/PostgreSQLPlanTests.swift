#if PostgreSQL
import Idempotency
import IdempotencyPostgreSQL
import IdempotencySQL
import Testing

@Suite("What PostgreSQL does for a statement, with a hundred thousand records", .timeLimit(.minutes(10)))
struct PostgreSQLPlanTests {
    @Test("Finding, listing, erasing and purging are served by an index, and nothing is sorted")
    func plans() async throws {
        let table = try Server.freshTable()
        let store = try await PostgreSQLIdempotencyStore(Server.connectionString, table: table, options: .patient)
        let connection = try RawConnection()
        let name = table.name
        // So that the disk is left to other tests.
        try connection.run("ALTER TABLE \(name) SET UNLOGGED")
        try connection.run(
            """
            INSERT INTO \(name) (scope, key, operation, tenant, principal, state, attempt, version, written_at, held_until,
                expires_at, record)
            SELECT 'charge', 'k-' || i, 'charge', 't-' || (i % 1000), 'u-' || (i % 5000),
                CASE WHEN i % 1000 = 0 THEN 'pending' ELSE 'done' END, 1, i, i, i, 9000000000000000000 - i % 1000, '\\x00'
            FROM generate_series(1, 100000) AS i
            """
        )
        try connection.run("SET statement_timeout = 0; ANALYZE \(name)")
        // As the store's sessions have it.
        for setting in store.settingTexts { try connection.run(setting) }
        let (after, place) = (RecordCursor(rawValue: "v17"), RecordCursor(rawValue: "e17.4"))
        let queries: [(RecordQuery, RecordCursor?, [String])] = [
            (RecordQuery(states: [.lapsed]), nil, ["_open"]),
            (RecordQuery(states: [.lapsed, .retryable], minimumAge: .seconds(60)), place, ["_open"]),
            (RecordQuery(tenant: "t-7"), after, ["_tenant"]),
            (RecordQuery(principal: "u-7"), after, ["_principal"]),
            (RecordQuery(), place, ["_open", "_done"]),
            (RecordQuery(states: [.done], operation: "charge"), nil, ["_done"]),
        ]
        for (number, (query, cursor, indexes)) in queries.enumerated() {
            let listing = try SQLListing(
                query,
                after: cursor,
                limit: 100,
                table: table,
                dialect: .postgreSQL,
                now: "\(raw: SQLSchema.clock)"
            )
            let parameters = listing.statement.parameters
            let types = parameters.map { if case .text = $0 { "text" } else { "bigint" } }
            let values = parameters.map { value in
                switch value {
                case .integer(let number): "\(number)"
                case .text(let text): "'\(text)'"
                case .null, .boolean, .double, .bytes: "NULL"
                }
            }
            let sql = listing.statement.text(in: .postgreSQL)
            let plan = try explain(connection, "listing\(number)", sql, types, values)
            for index in indexes { #expect(plan.contains(name + index), "\(query): \(plan)") }
            #expect(!plan.contains("Seq Scan on \(name)"), "\(query): \(plan)")
            #expect(!plan.contains("Sort  ("), "\(query): \(plan)")
        }
        let statements = store.statementTexts
        let purge = try explain(connection, "purge", statements.purge, ["bigint", "bigint"], ["60000000", "1000"])
        #expect(purge.contains(name + "_open") && purge.contains(name + "_done"), "\(purge)")
        #expect(!purge.contains("Seq Scan on \(name)"), "\(purge)")
        for (number, calls) in store.callTexts.enumerated() {
            let isMany = number == 0
            func type(_ name: String) -> String { isMany ? name + "[]" : name }
            func value(_ text: String) -> String { isMany ? "'{\(text),\(text)}'" : "'\(text)'" }
            let (text, integer, bytes) = (type("text"), type("bigint"), type("bytea"))
            let write = [text, text, integer, text, integer, integer, integer, bytes]
            let written = ["charge", "k-1", "1", "done", "1", "1", "1", "a"]
            let statements = [
                (calls.look, [text, text], ["charge", "k-1"]),
                (calls.update, write, written),
                (calls.replace, write, written),
            ]
            for (index, (sql, types, values)) in statements.enumerated() {
                let plan = try explain(connection, "calls\(number)\(index)", sql, types, values.map(value))
                #expect(plan.contains(name + "_pkey") && !plan.contains("Seq Scan on \(name)"), "\(plan)")
            }
            let claim = try explain(
                connection,
                "claims\(number)",
                calls.claim,
                [text, text, text, text, text, text, integer, integer, integer, bytes],
                ["charge", "k-1", "charge", "a", "a", "pending", "1", "1", "1", "a"].map(value)
            )
            #expect(claim.contains("Conflict Arbiter Indexes: \(name)_pkey"), "\(claim)")
            #expect(!claim.contains("Seq Scan on \(name)") && !claim.contains("Sort  ("), "\(claim)")
        }
        await store.close()
    }

    private func explain(
        _ connection: RawConnection,
        _ name: String,
        _ sql: String,
        _ types: [String],
        _ values: [String]
    ) throws -> String {
        try connection.run("PREPARE \(name)(\(types.joined(separator: ", "))) AS \(sql)")
        let rows = try connection.run("EXPLAIN EXECUTE \(name)(\(values.joined(separator: ", ")))")
        return rows.map { $0[0] }.joined(separator: "\n")
    }
}
#endif
