/// A way to a database: what a driver, or a pool of its connections, has to offer so that ``SQLIdempotencyStore`` can work
/// over it.
///
/// One function, which runs a fixed list of statements: so a driver fits whose transactions are closures that cannot wait.
/// <doc:BringYourOwnDriver> has two such adapters in full, for GRDB and for PostgresNIO. To write one, keep these promises:
///
/// - **One connection, one transaction**: the statements run in order; all of them are done, or none is. At READ COMMITTED on
///   PostgreSQL, its default. On SQLite with the write lock taken first (`BEGIN IMMEDIATE`), unless nothing is written.
/// - **The primary, never a replica**, and no cache: what was acknowledged before is seen.
/// - **Durable when it returns.**
/// - **Bounded in time**: a call ends by itself, after some seconds, with an error if the database does not answer; and so
///   does what it began there. On PostgreSQL no statement may go on for a minute: set `statement_timeout`.
/// - **Errors say which**: what the database refuses is thrown as ``SQLError``, with its code.
/// - Called from many tasks at once.
@available(Idempotency 0.1, *)
public protocol SQLClient: Sendable {
    /// The dialect of the statements that it takes.
    var dialect: SQLDialect { get }

    /// Runs statements in one transaction, and returns when it is durable.
    ///
    /// Parameters and answers are `NULL`, integers of 64 bits, text, bytes and, on PostgreSQL, booleans; nothing else has to
    /// be translated.
    ///
    /// - Parameters:
    ///   - statements: The statements, at least one. A single one is a transaction by itself, and needs no `BEGIN`.
    ///   - isReadOnly: Whether they write nothing.
    /// - Returns: The rows that each statement answered with, in the order of the statements.
    /// - Throws: ``SQLError`` if the database refused; the driver's error if it was not reached or did not answer.
    nonisolated(nonsending) func transaction(
        _ statements: [SQLStatement],
        isReadOnly: Bool
    ) async throws -> [[SQLRow]]
}
