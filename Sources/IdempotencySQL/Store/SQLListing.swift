package import Idempotency

/// A page of a listing as a statement.
///
/// In one of two orders, each with an index of its own: what is not done, or is somebody's, by version; everything by its
/// expiry and then by version. A cursor says in which order it was made, and how far it came; it holds no key.
@available(Idempotency 0.1, *)
package struct SQLListing: Sendable {
    /// A parameter's value, by its place.
    package enum Binding: Sendable {
        case integer(Int64)
        case text(String)
        /// The time at which the statement is run, in microseconds since 1970. Not on PostgreSQL, which reads its own clock.
        case now
        /// So many microseconds before that. Not on PostgreSQL.
        case before(Int64)
    }

    /// The statement. Its columns: version, held_until, expires_at, record, written_at, operation, tenant, principal, key; on
    /// PostgreSQL then the time.
    package let sql: String
    /// The values of its parameters, in order.
    package let bindings: [Binding]
    /// How many rows a page holds.
    package let limit: Int
    private let isByVersion: Bool

    /// Makes the statement.
    ///
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/invalidCursor``.
    package init(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int,
        table: SQLTable,
        dialect: SQLDialect = .sqlite
    ) throws(IdempotencyError) {
        isByVersion = !query.states.contains(.done) || query.tenant != nil || query.principal != nil
        var conditions: [String] = []
        var bindings: [Binding] = []
        func parameter(_ binding: Binding) -> String {
            // One reading of the clock for the whole statement, so that no record is in two states, or in none.
            let clock = "(SELECT now FROM clock)"
            switch (dialect, binding) {
            case (.postgreSQL, .now): return clock
            case (.postgreSQL, .before(let span)): return "\(clock) - \(parameter(.integer(span)))"
            default:
                bindings.append(binding)
                return dialect.placeholder(bindings.count)
            }
        }
        conditions.append("expires_at > \(parameter(.now))")
        if query.states != Set(RecordState.allCases) {
            if !query.states.contains(.done) { conditions.append("state <> 'done'") }
            let states = query.states.sorted { $0.rawValue < $1.rawValue }.map { state in
                switch state {
                case .inProgress: "state = 'pending' AND held_until > \(parameter(.now))"
                case .lapsed: "state = 'pending' AND held_until <= \(parameter(.now))"
                case .done, .retryable, .failed: "state = '\(state.rawValue)'"
                }
            }
            conditions.append(states.isEmpty ? "1 = 0" : "(" + states.joined(separator: " OR ") + ")")
        }
        if let operation = query.operation { conditions.append("operation = \(parameter(.text(operation)))") }
        if let tenant = query.tenant { conditions.append("tenant = \(parameter(.text(tenant)))") }
        if let principal = query.principal { conditions.append("principal = \(parameter(.text(principal)))") }
        if query.minimumAge > .zero {
            conditions.append("written_at <= \(parameter(.before(query.minimumAge.nanoseconds / 1000)))")
        }
        if let cursor {
            let numbers = try Self.numbers(of: cursor, isByVersion: isByVersion)
            if isByVersion {
                conditions.append("version > \(parameter(.integer(numbers[0])))")
            } else {
                let place = numbers.map { parameter(.integer($0)) }.joined(separator: ", ")
                conditions.append("(expires_at, version) > (\(place))")
            }
        }
        let columns = "version, held_until, expires_at, record, written_at, operation, tenant, principal, key"
        let head =
            switch dialect {
            case .sqlite: "SELECT \(columns)"
            case .postgreSQL:
                "WITH clock AS MATERIALIZED (SELECT \(SQLSchema.clock) AS now) SELECT \(columns), \(parameter(.now))"
            }
        sql = """
            \(head) FROM \(table.quoted) WHERE \(conditions.joined(separator: " AND "))
            ORDER BY \(isByVersion ? "version" : "expires_at, version") LIMIT \(parameter(.integer(Int64(limit))))
            """
        self.bindings = bindings
        self.limit = limit
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
