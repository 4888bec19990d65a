public import Idempotency

/// Keeps records in PostgreSQL or SQLite, over a driver of your own: what a service needs that has a pool already.
///
/// ```swift
/// let store = SQLIdempotencyStore(client)  // your SQLClient
/// try await store.migrate()
/// ```
///
/// The client, an ``SQLClient``, is some twenty lines over the driver: <doc:BringYourOwnDriver>.
///
/// - **Atomicity**: on PostgreSQL one statement, whose row lock decides; on SQLite a transaction with the write lock.
/// - **Durability**: a commit's, as the database is set: `synchronous_commit` on PostgreSQL, `synchronous` on SQLite.
/// - **Clock**: PostgreSQL's `clock_timestamp()`; on SQLite the machine's calendar clock.
/// - **Speed**: a call costs a round trip, and each has one of its own: they are not gathered into batches.
///
/// Who waits for a run in another process polls. On SQLite the table is that of `SQLiteIdempotencyStore`, and both may use it
/// at once.
@available(Idempotency 0.1, *)
public struct SQLIdempotencyStore: IdempotencyStore {
    /// How often a change is tried that met other writers.
    private static let attempts = 20

    let client: any SQLClient
    /// Where the records are.
    public let table: SQLTable
    private let clock: @Sendable () -> Int64

    /// Makes a store. Nothing is asked of the database yet.
    ///
    /// - Parameters:
    ///   - client: The way to the database.
    ///   - table: Where the records are.
    public init(_ client: any SQLClient, table: SQLTable = .standard) {
        self.init(client, table: table, clock: { WallClock.now().nanoseconds / 1000 })
    }

    /// - Parameter clock: The process's time in microseconds since 1970: a test's own.
    package init(_ client: any SQLClient, table: SQLTable = .standard, clock: @escaping @Sendable () -> Int64) {
        self.client = client
        self.table = table
        self.clock = clock
    }

    /// Makes the tables, or brings them up to this release's form. Harmless when repeated, also by several processes at once.
    ///
    /// On PostgreSQL it raises the source of versions to the clock, too: call it when the service starts, or at least after a
    /// backup was played back. It needs a role that owns the table.
    ///
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/unsupportedSchemaVersion`` if a
    ///   newer release made the tables, or with ``/Idempotency/IdempotencyError/Code/storeUnavailable``.
    public func migrate() async throws {
        // Fails where there are no tables yet.
        if let results = try? await client.transaction([statements.schemaVersion], isReadOnly: true) {
            try requireKnownSchema(results)
        }
        _ = try await run(statements.migration)
    }

    /// What is stored under a key.
    ///
    /// - Parameter key: The key.
    public nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let results = try await run([statements.find(key)], isReadOnly: true)
        return try read { try SQLRecordStatements.found(results.first?.first) }
    }

    /// Changes what is stored under a key if its version is the one expected.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - expected: The version that must be there; `nil`: nothing, or an expired record.
    ///   - change: What to do.
    public nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        // On SQLite who only reads need not wait for the write lock, and a duplicate only reads.
        if client.dialect == .sqlite, expected == nil, let found = try await load(key) { return .conflict(found) }
        for _ in 1...Self.attempts {
            let results = try await run(statements.checkAndSet(key, expecting: expected, change))
            let result = try read { try SQLRecordStatements.changed(results) }
            // What is said to be there would not have been in the way: it has changed since, or was not seen.
            if case .conflict(let found) = result, found?.version == expected { continue }
            return result
        }
        throw SQLStoreErrors.contention
    }

    // MARK: Asking the client

    var statements: SQLRecordStatements { SQLRecordStatements(table, client.dialect, clock: clock) }

    /// Runs a transaction, again if the database says that it may succeed then.
    nonisolated(nonsending) func run(
        _ statements: [SQLStatement],
        isReadOnly: Bool = false
    ) async throws -> [[SQLRow]] {
        var failures = 0
        while true {
            do {
                return try await client.transaction(statements, isReadOnly: isReadOnly)
            } catch let error as SQLError where mayBeRepeated(error) && failures < Self.attempts {
                failures += 1
            } catch {
                throw SQLStoreErrors.error(for: error, client.dialect)
            }
        }
    }

    /// A serialization failure or a deadlock: PostgreSQL has undone everything (its documentation, section 13.5).
    private func mayBeRepeated(_ error: SQLError) -> Bool {
        error.mayBeRepeated || client.dialect == .postgreSQL && ["40001", "40P01"].contains(error.code)
    }

    /// Reads an answer.
    func read<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            throw SQLStoreErrors.error(for: error, client.dialect)
        }
    }

    func requireKnownSchema(_ results: [[SQLRow]]) throws {
        let version = try read { try Int(sqlValue: results.first?.first?.values.first ?? .null) }
        if version > SQLSchema.version { throw SQLStoreErrors.newerSchema(version) }
    }
}
