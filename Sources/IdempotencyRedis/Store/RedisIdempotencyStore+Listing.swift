public import Idempotency

@available(Idempotency 0.1, *)
extension RedisIdempotencyStore: ListableIdempotencyStore {
    /// Lists records, a page at a time, in no order (`SCAN`): the server looks at all keys that it has, a part at a time.
    ///
    /// A record that is there and fits from the first page to the last is listed at least once; a second time only if the server
    /// made its table of keys smaller meanwhile. Of a cluster the node is listed that the client asks.
    ///
    /// - Parameters:
    ///   - query: Which records.
    ///   - cursor: Where the page before ended; `nil`: the first page.
    ///   - limit: How many records a page holds, about; at least 1.
    /// - Throws: ``/Idempotency/IdempotencyError`` with ``/Idempotency/IdempotencyError/Code/invalidCursor``.
    public nonisolated(nonsending) func list(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int
    ) async throws -> RecordPage {
        var position = try cursor.map { try Self.position($0) } ?? 0
        var records: [IdempotencyKey: ListedRecord] = [:]
        var count = min(max(10, limit), Self.keysAtOnce)
        for _ in 1...Self.looks {
            let before = records.count
            let (names, next) = try await server.scan(layout.pattern, from: position, count: count)
            let keys = names.compactMap { layout.key($0) }.filter { query.matches($0.scope) }
            for (key, reply) in zip(keys, try await server.ask(.load, keys)) {
                guard let value = try RedisValue(reply: reply) else { continue }
                let record = ListedRecord(key: key, stored: value.stored, age: value.age)
                if query.matches(record) { records[key] = record }
            }
            if next == 0 { return RecordPage(records: Array(records.values), next: nil) }
            position = next
            if records.count >= limit { break }
            // Where little is asked for among much, larger parts bring hardly more of it.
            if records.count == before { count = min(2 * count, Self.keysAtOnce) }
        }
        return RecordPage(records: Array(records.values), next: RecordCursor(rawValue: "s\(position)"))
    }

    /// How often a page looks at a part of the keys, at most.
    private static let looks = 100
    /// How large a part is, at most: the server does nothing else meanwhile.
    private static let keysAtOnce = 1000

    private static func position(_ cursor: RecordCursor) throws(IdempotencyError) -> UInt64 {
        let text = cursor.rawValue
        guard text.first == "s", let number = UInt64(text.dropFirst()), number > 0, "s\(number)" == text else {
            throw IdempotencyError(
                code: .invalidCursor,
                message: "The cursor is not one that this store made. Begin with the first page."
            )
        }
        return number
    }

    /// Finds nothing: the server takes expired records away by itself.
    ///
    /// - Parameter limit: How many at most; at least 1.
    public nonisolated(nonsending) func purge(limit: Int) async throws -> Int { 0 }

    /// Makes sure that the server can be written to, and is still one that may be used.
    ///
    /// - Returns: The server's version, and the settings on which it rests what a crash or a failover takes.
    /// - Throws: ``/Idempotency/IdempotencyError`` that says what is wrong.
    @discardableResult
    public nonisolated(nonsending) func check() async throws -> StoreReport {
        try await server.check()
    }
}
