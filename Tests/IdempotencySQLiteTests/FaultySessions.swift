#if SQLite
import Idempotency
import IdempotencySQL
import IdempotencySQLite
import Synchronization

/// A store whose transactions meet, one after the other, the faults of a list; then none.
final class FaultySessions: TransactionalIdempotencyStore {
    enum Fault {
        /// The statement fails as if another transaction had to pass.
        case deadlockAtStatement
        /// It is undone at its commit, to let another one pass.
        case serializationFailureAtCommit
        /// It is committed, and nobody says so.
        case replyLost
        /// It is undone, and nobody says so.
        case undoneSilently
        /// It is undone at its commit, because there is no room.
        case fullAtCommit
        case none
    }

    let base: SQLiteIdempotencyStore
    private let faults: Mutex<[Fault]>
    private let count = Mutex(0)
    private let limit = Mutex<Duration?>(nil)

    init(_ base: SQLiteIdempotencyStore, _ faults: [Fault]) {
        self.base = base
        self.faults = Mutex(faults)
    }

    var excludesOtherWrites: Bool { base.excludesOtherWrites }

    /// How long the last transaction was allowed to be open.
    var lastLimit: Duration? { limit.withLock { $0 } }

    /// How many transactions were begun.
    var begun: Int { count.withLock { $0 } }

    func load(_ key: IdempotencyKey) async throws -> StoredRecord? { try await base.load(key) }

    func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        try await base.checkAndSet(key, expecting: expected, change)
    }

    func beginTransaction(for limit: Duration) async throws -> any SQLSession {
        count.withLock { $0 += 1 }
        self.limit.withLock { $0 = limit }
        let fault = faults.withLock { $0.isEmpty ? .none : $0.removeFirst() }
        return FaultySession(try await base.beginTransaction(for: limit), fault)
    }
}

private final class FaultySession: SQLSession {
    private static let mayBeRepeated = SQLError(code: "40P01", message: "deadlock", mayBeRepeated: true)

    private let base: any SQLSession
    private let fault: FaultySessions.Fault

    init(_ base: any SQLSession, _ fault: FaultySessions.Fault) {
        self.base = base
        self.fault = fault
    }

    func run(_ statement: SQLStatement) async throws -> SQLResult {
        let result = try await base.run(statement)
        if fault == .deadlockAtStatement { throw Self.mayBeRepeated }
        return result
    }

    func undo() async throws { try await base.undo() }

    func finish(
        _ key: IdempotencyKey,
        writing record: IdempotencyRecord,
        over expected: RecordVersion
    ) async throws -> CheckAndSetResult {
        switch fault {
        case .serializationFailureAtCommit:
            await base.rollback()
            throw SQLCommitFailure.undone(Self.mayBeRepeated)
        case .undoneSilently:
            await base.rollback()
            throw SQLCommitFailure.unknown(Mishap())
        case .fullAtCommit:
            await base.rollback()
            throw SQLCommitFailure.undone(SQLError(code: "13", message: "database or disk is full"))
        case .replyLost:
            _ = try await base.finish(key, writing: record, over: expected)
            throw SQLCommitFailure.unknown(Mishap())
        case .none, .deadlockAtStatement:
            return try await base.finish(key, writing: record, over: expected)
        }
    }

    func commit() async throws {
        guard case .serializationFailureAtCommit = fault else { return try await base.commit() }
        await base.rollback()
        throw SQLCommitFailure.undone(Self.mayBeRepeated)
    }

    func rollback() async { await base.rollback() }
}
#endif
