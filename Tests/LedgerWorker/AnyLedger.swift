#if SQLite || PostgreSQL || Redis
import Foundation
import Idempotency
import IdempotencySQL
#if SQLite
import IdempotencySQLite
#endif
#if PostgreSQL
import IdempotencyPostgreSQL
#endif
#if Redis
import IdempotencyRedis
#endif

/// Transfers money once per key: an entry in a table without any unique constraint, and two balances. Beside a store that has
/// no transactions the entry is a line in a file, and nothing else.
struct AnyLedger: Sendable {
    private enum Form: Sendable {
        case transactional(TransactionalInterceptor)
        #if SQLite
        case thread(SQLiteTransactionalInterceptor)
        #endif
        case file(IdempotencyInterceptor, Int32)
    }

    private let form: Form
    private let fate: Fate
    private let zombiePause: Duration?

    init(
        _ address: String,
        policy: OperationPolicy,
        fate: Fate,
        zombiePause: Duration?,
        isBroken: Bool
    ) async throws {
        self.fate = fate
        self.zombiePause = zombiePause
        let parts = address.split(separator: ":", maxSplits: 1).map(String.init)
        let store: any TransactionalIdempotencyStore
        let observer = Claims(fate)
        switch parts[0] {
        #if SQLite
        case "sqlite-thread":
            let store = try await SQLiteIdempotencyStore(path: parts[1])
            form = .thread(SQLiteTransactionalInterceptor(store: store, policy: policy, observer: observer))
            return
        case "sqlite":
            store = try await SQLiteIdempotencyStore(path: parts[1])
        #endif
        #if PostgreSQL
        case "postgresql":
            store = try await PostgreSQLIdempotencyStore(parts[1])
        #endif
        #if Redis
        case "redis":
            let target = parts[1].split(separator: ":", maxSplits: 1).map(String.init)
            let file = open(target[0], O_WRONLY | O_APPEND | O_CREAT, 0o600)
            let base = try await RedisIdempotencyStore(client: try HiredisClient(target[1]))
            let interceptor = IdempotencyInterceptor(
                store: FatefulFinishes(base, fate),
                policy: policy,
                observer: observer
            )
            form = .file(interceptor, file)
            return
        #endif
        default:
            fatalError("no store is called \(parts[0])")
        }
        let fateful = FatefulStore(store, fate, isBroken: isBroken)
        form = .transactional(TransactionalInterceptor(store: fateful, policy: policy, observer: observer))
    }

    func transfer(_ number: Int) async throws -> String {
        let key = try IdempotencyKey(operation: "transfer", value: "k-\(number)")
        // One in some, so that there is something left for the others to take over.
        let pause = number.isMultiple(of: 7) ? zombiePause : nil
        switch form {
        case .transactional(let ledger):
            return try await ledger.idempotent(key: key) { transaction, execution in
                Voice.say("begin \(number)")
                fate.meet(.begun)
                if let pause, !execution.isRerun { try await Task.sleep(for: pause) }
                for statement in Self.statements(number) { try await transaction.execute(statement) }
                fate.meet(.written)
                return "\(number) by \(execution.token!)"
            }
        #if SQLite
        case .thread(let ledger):
            let result = try await ledger.idempotent(key: key) { [fate] transaction, execution in
                Voice.say("begin \(number)")
                fate.meet(.begun)
                for statement in Self.statements(number) { try transaction.execute(statement) }
                fate.meet(.written)
                fate.meetSoon(.finishing)
                return "\(number) by \(execution.token!)"
            }
            fate.meet(.committed)
            return result
        #endif
        case .file(let interceptor, let file):
            return try await interceptor.idempotent(key: key) { execution in
                Voice.say("begin \(number)")
                fate.meet(.begun)
                // What a service does elsewhere takes its time.
                try await Task.sleep(for: .milliseconds(2))
                try await execution.checkLease()
                Voice.write("\(number) \(execution.token!)", to: file)
                fate.meet(.written)
                return "\(number) by \(execution.token!)"
            }
        }
    }

    private static func statements(_ number: Int) -> [SQLStatement] {
        let (from, to) = (number % 97, (number * 31 + 1) % 97)
        // Always the lower one first, so that two transfers do not wait for each other.
        return [
            "INSERT INTO ledger (key, amount) VALUES (\(number), 1)",
            "UPDATE accounts SET balance = balance + \(from < to ? -1 : 1) WHERE id = \(min(from, to))",
            "UPDATE accounts SET balance = balance + \(from < to ? 1 : -1) WHERE id = \(max(from, to))",
        ]
    }
}

/// Meets the point after the claim.
private struct Claims: IdempotencyObserver {
    let fate: Fate

    init(_ fate: Fate) { self.fate = fate }

    func observe(_ event: IdempotencyEvent) {
        if event.kind == .claimed || event.kind == .takenOver { fate.meet(.claimed) }
    }
}
#endif
