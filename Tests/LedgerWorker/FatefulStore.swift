#if SQLite || PostgreSQL || Redis
import Idempotency
import IdempotencySQL

/// A store whose transactions meet their fate at the end, and which checks no version if it is broken.
struct FatefulStore: TransactionalIdempotencyStore, WakingIdempotencyStore {
    private let base: any TransactionalIdempotencyStore
    private let fate: Fate
    private let isBroken: Bool

    init(_ base: any TransactionalIdempotencyStore, _ fate: Fate, isBroken: Bool) {
        self.base = base
        self.fate = fate
        self.isBroken = isBroken
    }

    var excludesOtherWrites: Bool { base.excludesOtherWrites }

    func load(_ key: IdempotencyKey) async throws -> StoredRecord? { try await base.load(key) }

    func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        try await base.checkAndSet(key, expecting: expected, change)
    }

    func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        try await (base as! any WakingIdempotencyStore).subscribe(to: key, onChange: onChange)
    }

    func beginTransaction(for limit: Duration) async throws -> any SQLSession {
        FatefulSession(try await base.beginTransaction(for: limit), fate, isBroken: isBroken)
    }
}

private final class FatefulSession: SQLSession {
    private let base: any SQLSession
    private let fate: Fate
    private let isBroken: Bool

    init(_ base: any SQLSession, _ fate: Fate, isBroken: Bool) {
        self.base = base
        self.fate = fate
        self.isBroken = isBroken
    }

    func run(_ statement: SQLStatement) async throws -> SQLResult { try await base.run(statement) }
    func undo() async throws { try await base.undo() }
    func commit() async throws { try await base.commit() }
    func rollback() async { await base.rollback() }

    func finish(
        _ key: IdempotencyKey,
        writing record: IdempotencyRecord,
        over expected: RecordVersion
    ) async throws -> CheckAndSetResult {
        var expected = expected
        if isBroken {
            // What a finish without its check on the version does: it takes whichever is there.
            let rows = try await base.run("SELECT version FROM idempotency_records WHERE key = \(key.value)").rows
            expected = RecordVersion(rawValue: try rows.first?.decode("version") ?? expected.rawValue)
        }
        fate.meetSoon(.finishing)
        let result = try await base.finish(key, writing: record, over: expected)
        if case .stored = result { fate.meet(.committed) }
        return result
    }
}
#endif
