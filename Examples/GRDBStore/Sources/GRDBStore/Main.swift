import Foundation
import GRDB
import Idempotency
import IdempotencySQL

/// Orders a pizza twice under one key, over a pool that a service has anyway, and shows that it is delivered once.
///
/// `swift run GRDBStore [FILE]`; without a file the database is gone afterwards. With one, run it again: the answer is
/// still there.
@main
struct Main {
    static func main() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "grdb-store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = CommandLine.arguments.dropFirst().first ?? folder.appending(path: "shop.db").path

        // The service's own pool, with its own tables in it.
        let pool = try DatabasePool.durable(path: path)
        try await pool.write { try $0.execute(sql: "CREATE TABLE IF NOT EXISTS deliveries (pizza TEXT NOT NULL)") }

        let store = SQLIdempotencyStore(GRDBClient(database: pool))
        try await store.migrate()
        let interceptor = IdempotencyInterceptor(store: store)

        let key = try IdempotencyKey(operation: "deliver", value: "order-7")
        for attempt in 1...2 {
            let outcome = try await interceptor.outcome(key: key) { _ in
                try await pool.write { try $0.execute(sql: "INSERT INTO deliveries VALUES ('Margherita')") }
                return "a Margherita, on its way"
            }
            switch outcome {
            case .ran(let answer): print("call \(attempt) ran: \(answer)")
            case .replayed(let answer): print("call \(attempt) was answered with the first one's result: \(answer)")
            case .inProgress, .unknown: print("call \(attempt): another process is at it")
            }
        }
        let count = try await pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM deliveries") }
        print("deliveries: \(count ?? 0)")
    }
}
