/// Keeps records under keys, with one atomic operation: write only if the version is still the one expected.
///
/// All policy lives in the engine; a store holds none. To write one, keep these promises:
///
/// - **Atomic**: of two calls that expect the same, one is stored and the other learns what is there.
/// - **Linearizable**: ``load(_:)`` sees every write that was acknowledged before it began. No replica reads.
/// - **Durable when it returns**: what is lost after an acknowledgement, and by which fault, is in the store's documentation.
/// - **Versions of a key only grow**, across expiry, removal, restart and restore: start the source at the clock in
///   microseconds, raise it to that on each start, then count up.
/// - **Only finished records expire.** A pending record whose lease is over is *lapsed*: it is still there, with a
///   remaining lease of zero, an expectation of `nil` conflicts with it, and no purge takes it before its own
///   ``IdempotencyRecord/retention`` (counted from the end of the lease) is over; without one it stays until somebody
///   names its version.
/// - **Expired is absent** on every path, from the moment on at which the store's clock says so, swept or not.
/// - **An expectation of a version never creates a record**: on an absent or expired one it is `.conflict(nil)`.
/// - **Time is the store's**: a write carries spans, the store stamps them with its own clock, and an answer says what
///   remains. No instant crosses the wire. A call that writes and then reads judges both by one reading of the clock, or it
///   may refuse a version and show the same one.
/// - **Bounded in time**: every call ends by itself, with an error when the server does not answer.
/// - **Errors mean "not known"**: an error may be thrown although the write was applied. The engine reads again.
///
/// Keys are compared by the bytes of ``IdempotencyScope/text`` and ``IdempotencyKey/value``. Both functions may be called
/// from many tasks at once, and a call may be repeated at any time.
@available(Idempotency 0.1, *)
public protocol IdempotencyStore: Sendable {
    /// What is stored under a key.
    ///
    /// - Parameter key: The key.
    /// - Returns: The record with what remains of it; `nil` if there is none or it is expired.
    /// - Throws: An error if the store cannot tell.
    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord?

    /// Changes what is stored under a key if its version is the one expected.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - expected: The version that must be there; `nil`: nothing, or an expired record.
    ///   - change: What to do.
    /// - Returns: The new version, or what is there instead.
    /// - Throws: An error if the store cannot tell whether the change was made.
    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult
}
