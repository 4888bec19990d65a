/// A store that operators can look into: its records can be listed, and what is expired can be purged.
///
/// The engine needs neither; ``RecordAdministration`` does.
@available(Idempotency 0.1, *)
public protocol ListableIdempotencyStore: IdempotencyStore {
    /// Lists records, a page at a time.
    ///
    /// A record that is there and fits from the first page to the last is listed exactly once; or at least once, on a store
    /// whose documentation says so. One that comes, goes or changes meanwhile may be listed, or not, or twice. What is expired
    /// is not listed. Nothing is locked between two pages.
    ///
    /// - Parameters:
    ///   - query: Which records.
    ///   - cursor: Where the page before ended; `nil`: the first page.
    ///   - limit: How many records a page holds, about; at least 1.
    /// - Returns: The page. It may hold fewer records than the limit, or none, and not be the last.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidCursor`` if the cursor is not one of this store's,
    ///   or with ``IdempotencyError/Code/unsupportedRecordVersion`` or ``IdempotencyError/Code/corruptRecord`` if a record of
    ///   the page cannot be read: to leave it out would hide it. An error if the store cannot tell.
    nonisolated(nonsending) func list(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int
    ) async throws -> RecordPage

    /// Takes away expired records: finished ones whose retention is over, and lapsed ones whose own retention is. Never
    /// anything else.
    ///
    /// - Parameter limit: How many at most; at least 1. A purge of a large table is many bounded ones.
    /// - Returns: How many were taken away; fewer than the limit: no more are expired.
    /// - Throws: An error if the store cannot tell.
    nonisolated(nonsending) func purge(limit: Int) async throws -> Int

    /// Makes sure that a key could be claimed now: for a readiness probe.
    ///
    /// - Returns: What the store found.
    /// - Throws: An error that says what is wrong, wherever a claim would be refused.
    @discardableResult
    nonisolated(nonsending) func check() async throws -> StoreReport
}
