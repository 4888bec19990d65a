#if PostgreSQL
internal import Idempotency

/// What a server says of a store's tables.
@available(Idempotency 0.1, *)
struct PostgreSQLTableLook {
    /// Whether the tables and their sequence are there.
    private(set) var areThere = true
    private var faults: [String] = []

    /// - Parameter rows: What `PostgreSQLStatements.look` was answered with.
    init(_ rows: PostgreSQLRows) {
        for row in 0..<rows.count {
            let name = rows.text(row, 0) == "sequence" ? "sequence of versions" : "table"
            if rows.boolean(row, 1) == false { areThere = false }
            switch rows.text(row, 2) {
            case "u": faults.append("The \(name) is UNLOGGED: a crash empties it. Run ALTER … SET LOGGED.")
            case "t": faults.append("The \(name) is temporary: other sessions do not see it. Make it anew.")
            default: break
            }
            if rows.boolean(row, 3) {
                faults.append(
                    "Row level security may hide rows of the table from this role. Switch it off for the table, or use a role with "
                        + "BYPASSRLS."
                )
            }
        }
    }

    /// Refuses tables that lose or hide what was acknowledged.
    ///
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/invalidConfiguration``.
    func validate() throws(IdempotencyError) {
        if !faults.isEmpty {
            throw PostgreSQLErrors.unusable("The store's tables cannot be relied on. \(faults.joined(separator: " "))")
        }
    }
}
#endif
