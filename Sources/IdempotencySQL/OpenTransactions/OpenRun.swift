public import Idempotency
import Synchronization

/// A run whose effect and record the service commits in a transaction of its own.
///
/// In this order: ``finish(_:)``, its statements in the transaction, the commit, ``committed()``. Or ``rolledBack(_:)``, if it
/// comes to that. Duplicates wait, and are answered by neither before one of them is called; a run that is dropped without
/// is found out about when its lease is over, or its record is there.
@available(Idempotency 0.1, *)
public final class OpenRun<Value: Codable>: Sendable {
    private enum Phase {
        case open
        /// The turn to write is taken, so that no renewal changes the version that the statements name.
        case finishing
        case over
    }

    /// The key that is being run.
    public let key: IdempotencyKey

    private let run: TransactionalRun<CodableResult<Value>>?
    private let store: any SQLTableStore
    private let phase = Mutex(Phase.open)

    init(_ key: IdempotencyKey, _ run: TransactionalRun<CodableResult<Value>>?, _ store: any SQLTableStore) {
        self.key = key
        self.run = run
        self.store = store
    }

    deinit {
        switch phase.withLock({ $0 }) {
        case .open: run?.abandonWithoutTurn()
        case .finishing: run?.abandon()
        case .over: break
        }
    }

    /// The token of this run's claim, for a downstream system that refuses stale ones; `nil` without protection.
    public var token: FencingToken? { run?.execution.token }

    /// Which attempt of the key this is; the first is 1.
    public var attempt: Int { run?.execution.attempt ?? 1 }

    /// The statements that keep a result. From now on the lease is not renewed: commit within it.
    ///
    /// - Parameter value: What the operation returns.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/leaseLost`` if the key is not this
    ///   run's any more: roll back.
    public func finish(_ value: Value) async throws -> SQLFinish {
        try await finish { $0.completion(value) }
    }

    /// The statements that keep a failure for good; roll the effect back to a savepoint before you run them.
    ///
    /// - Parameter failure: A failure of a type that was declared.
    /// - Throws: As ``finish(_:)``; ``/Idempotency/IdempotencyError`` with
    ///   ``/Idempotency/IdempotencyError/Code/invalidConfiguration`` if the failure's type was not declared.
    public func finish(failing failure: some FinalFailure) async throws -> SQLFinish {
        if let run, !run.isFinal(failure) {
            throw IdempotencyError(
                code: .invalidConfiguration,
                message: "The failure is of a type that was not declared. Name its type where the run is begun."
            )
        }
        return try await finish { $0.failure(failure) }
    }

    private func finish(
        _ prepare: (TransactionalRun<CodableResult<Value>>) -> RecordWrite?
    ) async throws -> SQLFinish {
        guard let run else { return SQLFinish(statements: []) }
        let isFirst = phase.withLock { phase in
            defer { if case .open = phase { phase = .finishing } }
            if case .open = phase { return true } else { return false }
        }
        // A second time: a transaction that was undone is tried again.
        if isFirst { await run.takeTurn() }
        guard let write = prepare(run) else { throw IdempotencyError.leaseLostInOpenTransaction }
        let statements = SQLRecordStatements(store.table, store.dialect) { WallClock.now().nanoseconds / 1000 }
        return SQLFinish(statements: statements.checkAndSet(key, expecting: write.expected, .write(write.record)))
    }

    /// The transaction is committed: looks whether the record is there, and only then answers duplicates.
    ///
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/resultNotSaved`` if it is not, or the
    ///   database does not answer, or with ``/Idempotency/IdempotencyError/Code/leaseLost``.
    public func committed() async throws {
        guard let run, let before = takeEnd() else { return }
        // Without a finish there is nothing to be found; the turn is what the rest goes by.
        if case .open = before { await run.takeTurn() }
        try await run.lookAfterCommit()
    }

    /// The transaction is rolled back, and nothing of it took effect: frees the key for the next call.
    ///
    /// - Parameter error: Why.
    /// - Returns: The error to be thrown.
    public func rolledBack(_ error: any Error) async -> any Error {
        guard let run, let before = takeEnd() else { return error }
        if case .finishing = before { run.endTurn() }
        return await run.undone(error)
    }

    /// Ends the run; once. Returns in which phase it was.
    private func takeEnd() -> Phase? {
        phase.withLock { phase in
            if case .over = phase { return nil }
            defer { phase = .over }
            return phase
        }
    }
}
