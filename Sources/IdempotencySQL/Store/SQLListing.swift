package import Idempotency

/// A page of a listing as a statement.
///
/// In one of two orders, each served by indexes: what is somebody's by version, everything else by its expiry and then by
/// version. A cursor says in which order it was made, and how far it came; it holds no key.
@available(Idempotency 0.1, *)
package struct SQLListing: Sendable {
    /// The statement. Its columns: version, held_until, expires_at, record, written_at, operation, tenant, principal, key, and
    /// the time in microseconds since 1970.
    package let statement: SQLStatement
    /// How many rows a page holds.
    package let limit: Int
    private let isByVersion: Bool

    /// Makes the statement.
    ///
    /// - Parameter now: The time in microseconds since 1970, as an expression. PostgreSQL evaluates it once for the whole
    ///   statement, so that no record is in two states, or in none.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/invalidCursor``.
    package init(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int,
        table: SQLTable,
        dialect: SQLDialect,
        now: SQLStatement
    ) throws(IdempotencyError) {
        let isByVersion = query.tenant != nil || query.principal != nil
        let (clock, time): (SQLStatement, SQLStatement) =
            switch dialect {
            case .sqlite: ("", now)
            case .postgreSQL: ("WITH clock AS MATERIALIZED (SELECT \(now) AS now) ", "(SELECT now FROM clock)")
            }
        var conditions = Self.conditions(of: query, time)
        if let cursor {
            let numbers = try Self.numbers(of: cursor, isByVersion: isByVersion)
            conditions.append(
                isByVersion
                    ? "version > \(numbers[0])" : "(expires_at, version) > (\(numbers[0]), \(numbers[1]))"
            )
        }
        let rows: SQLStatement = """
            SELECT version, held_until, expires_at, record, written_at, operation, tenant, principal, key, \(time)
            FROM \(raw: table.quoted) WHERE \(conditions.joined(separator: " AND "))
            """
        let order: SQLStatement = "ORDER BY \(raw: isByVersion ? "version" : "expires_at, version") LIMIT \(limit)"
        let parts =
            isByVersion ? [rows] : Self.parts(of: query).map { part -> SQLStatement in "\(rows) AND \(raw: part)" }
        // SQLite merges what two indexes have in order. PostgreSQL does so with a page of each.
        let pages = parts.map { part -> SQLStatement in
            dialect == .postgreSQL && parts.count > 1 ? "(\(part) \(order))" : part
        }
        statement = "\(clock)\(pages.joined(separator: " UNION ALL ")) \(order)"
        self.limit = limit
        self.isByVersion = isByVersion
    }

    private static func conditions(of query: RecordQuery, _ time: SQLStatement) -> [SQLStatement] {
        var conditions: [SQLStatement] = ["expires_at > \(time)"]
        if query.states != Set(RecordState.allCases) {
            let states = query.states.sorted { $0.rawValue < $1.rawValue }.map { state -> SQLStatement in
                switch state {
                case .inProgress: "state = 'pending' AND held_until > \(time)"
                case .lapsed: "state = 'pending' AND held_until <= \(time)"
                case .done, .retryable, .failed: "state = '\(raw: state.rawValue)'"
                }
            }
            conditions.append(states.isEmpty ? "1 = 0" : "(\(states.joined(separator: " OR ")))")
        }
        if let operation = query.operation { conditions.append("operation = \(operation)") }
        if let tenant = query.tenant { conditions.append("tenant = \(tenant)") }
        if let principal = query.principal { conditions.append("principal = \(principal)") }
        if query.minimumAge > .zero {
            conditions.append("written_at <= \(time) - \(query.minimumAge.nanoseconds / 1000)")
        }
        return conditions
    }

    /// The parts of the table that have what is asked for, each with an index of its own.
    private static func parts(of query: RecordQuery) -> [String] {
        (query.states == [.done] ? [] : [SQLSchema.open]) + (query.states.contains(.done) ? [SQLSchema.done] : [])
    }

    /// Where a page ends whose last row has these.
    package func cursor(version: Int64, expiresAt: Int64) -> RecordCursor {
        RecordCursor(rawValue: isByVersion ? "v\(version)" : "e\(expiresAt).\(version)")
    }

    private static func numbers(of cursor: RecordCursor, isByVersion: Bool) throws(IdempotencyError) -> [Int64] {
        let text = cursor.rawValue
        let parts = text.dropFirst().split(separator: ".", omittingEmptySubsequences: false).map { Int64($0) }
        guard text.first == (isByVersion ? "v" : "e"), parts.count == (isByVersion ? 1 : 2), !parts.contains(nil) else {
            throw IdempotencyError(
                code: .invalidCursor,
                message: "The cursor is not one that this store made for this query. Begin with the first page."
            )
        }
        return parts.compactMap { $0 }
    }
}

@available(Idempotency 0.1, *)
extension [SQLStatement] {
    fileprivate func joined(separator: String) -> SQLStatement {
        dropFirst().reduce(first ?? "") { "\($0)\(raw: separator)\($1)" }
    }
}
