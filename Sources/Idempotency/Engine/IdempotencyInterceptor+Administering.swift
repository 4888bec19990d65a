@available(Idempotency 0.1, *)
extension IdempotencyInterceptor {
    /// Where a key stands. Runs nothing and changes nothing.
    ///
    /// - Parameter key: The key.
    /// - Returns: The status; a claim that is under way in this interceptor is never reported as absent.
    /// - Throws: What the store throws if it cannot tell.
    public func status(of key: IdempotencyKey) async throws -> IdempotencyStatus {
        try await engine.status(of: key)
    }

    /// Refuses a key for good before it has run, so that a call that is late or still on its way does nothing.
    ///
    /// Changes nothing if the key is being run, or has run: the returned status says so.
    ///
    /// - Parameter key: The key.
    /// - Returns: `.revoked` if the key will not run during the policy's retention; what it is otherwise.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/storeUnavailable`` if nobody knows.
    @discardableResult
    public func revoke(key: IdempotencyKey) async throws -> IdempotencyStatus {
        try await engine.revoke(key, policy)
    }

    /// Claims nothing any more, and waits for what is being run.
    ///
    /// Calls that arrive from now on are refused with ``IdempotencyError/Code/shutDown``; calls that wait for another
    /// interceptor's run are too. A handler that does not end in time goes on without renewals, and its lease runs out.
    ///
    /// - Parameter limit: How long to wait for handlers, and for claims that are being given back.
    /// - Returns: How many keys were still being run when the time was over; zero: all is finished and recorded.
    @discardableResult
    public func shutdown(within limit: Duration) async -> Int {
        await engine.shutDown(within: limit)
    }
}
