/// What operators do to records: look, settle, remove, erase, purge.
///
/// Not part of the interceptor, because business code has no use for it.
@available(Idempotency 0.1, *)
public struct RecordAdministration: Sendable {
    /// What became of an erasure.
    public struct Erasure: Hashable, Sendable {
        /// How many records were removed.
        public let removed: Int
        /// How many were left, because they were being run or changed meanwhile. Erase again later.
        public let left: Int
    }

    private let listableStore: any ListableIdempotencyStore
    let codec: any IdempotencyCodec
    let events: EventReporter

    var store: CheckedStore { CheckedStore(listableStore) }

    /// Administers a store's records.
    ///
    /// - Parameters:
    ///   - store: The store.
    ///   - codec: The interceptors' codec, for results that are settled by hand; JSON by default.
    ///   - observer: Learns of settlements, and of calls to the store that failed on the way; none by default.
    public init(
        store: any ListableIdempotencyStore,
        codec: any IdempotencyCodec = JSONIdempotencyCodec(),
        observer: (any IdempotencyObserver)? = nil
    ) {
        listableStore = store
        self.codec = codec
        events = EventReporter(observer)
    }

    /// Lists records, a page at a time.
    ///
    /// - Parameters:
    ///   - query: Which records.
    ///   - cursor: Where the page before ended; `nil`: the first page.
    ///   - limit: How many records a page holds, about; at least 1.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidCursor``, with
    ///   ``IdempotencyError/Code/brokenStore`` if a record is listed under another key, or what the store throws.
    public nonisolated(nonsending) func list(
        _ query: RecordQuery = RecordQuery(),
        after cursor: RecordCursor? = nil,
        limit: Int = 100
    ) async throws -> RecordPage {
        let page = try await listableStore.list(query, after: cursor, limit: max(1, limit))
        for listed in page.records {
            do {
                try CheckedStore.check(listed.stored, under: listed.key)
            } catch {
                events.report(error, of: listed.key)
                throw error
            }
        }
        return page
    }

    /// What is stored under one key, with the version that ``settle(_:version:as:settlement:policy:)`` and
    /// ``remove(_:version:)`` ask for.
    ///
    /// - Parameter key: The key.
    /// - Returns: The record; `nil` if there is none or it is expired.
    /// - Throws: What the store throws; ``IdempotencyError`` with ``IdempotencyError/Code/brokenStore`` if its answer is about
    ///   another key.
    public nonisolated(nonsending) func record(of key: IdempotencyKey) async throws -> StoredRecord? {
        do {
            return try await store.load(key)
        } catch {
            events.report(error, of: key)
            throw error
        }
    }

    /// Removes a record, so that its key counts as new.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - version: The version that was looked at; another one is left alone.
    /// - Returns: Whether it was removed; `false`: it has changed meanwhile, or is gone.
    /// - Throws: What the store throws.
    public nonisolated(nonsending) func remove(_ key: IdempotencyKey, version: RecordVersion) async throws -> Bool {
        do {
            // Not through the checked store: the version is the caller's word, and may be one that the store never had.
            let answer = try await listableStore.checkAndSet(key, expecting: version, .remove)
            if case .stored = answer { return true }
            return false
        } catch {
            events.report(error, of: key)
            throw error
        }
    }

    /// Removes all records of a tenant or a principal, but those that are being run.
    ///
    /// - Parameter query: Whose; it has to name a tenant or a principal.
    /// - Returns: How many were removed, and how many left.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidQuery`` if the query names nobody, or what the
    ///   store throws.
    public nonisolated(nonsending) func erase(_ query: RecordQuery) async throws -> Erasure {
        guard query.tenant != nil || query.principal != nil else {
            throw IdempotencyError(
                .invalidQuery,
                "An erasure has to name a tenant or a principal; nothing was removed. To remove single records, use remove."
            )
        }
        var (removed, left) = (0, 0)
        var cursor: RecordCursor?
        repeat {
            let page = try await list(query, after: cursor, limit: 500)
            for record in page.records {
                if record.state != .inProgress, try await remove(record.key, version: record.stored.version) {
                    removed += 1
                } else {
                    left += 1
                }
            }
            cursor = page.next
        } while cursor != nil
        return Erasure(removed: removed, left: left)
    }

    /// Takes away expired records, in portions, until none is left or the limit is reached.
    ///
    /// - Parameters:
    ///   - limit: How many at most in all; `nil`: all of them.
    ///   - portion: How many at once; small ones hold up other writers less.
    /// - Returns: How many were taken away.
    /// - Throws: What the store throws.
    public nonisolated(nonsending) func purge(limit: Int? = nil, portion: Int = 1000) async throws -> Int {
        var purged = 0
        while purged < limit ?? .max {
            let wanted = min(max(1, portion), (limit ?? .max) - purged)
            let count = try await listableStore.purge(limit: wanted)
            purged += count
            if count < wanted { break }
        }
        return purged
    }

    /// Makes sure that a key could be claimed now: for a readiness probe.
    ///
    /// - Returns: What the store found: the server, its version and role, and the settings on which it rests what is lost.
    /// - Throws: What is wrong, as the store says.
    @discardableResult
    public nonisolated(nonsending) func check() async throws -> StoreReport {
        try await listableStore.check()
    }
}
