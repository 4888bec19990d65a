import Idempotency
import IdempotencyTesting
import Synchronization

extension ToyStore: ListableIdempotencyStore {
    nonisolated(nonsending) func list(
        _ query: RecordQuery,
        after cursor: RecordCursor?,
        limit: Int
    ) async throws -> RecordPage {
        let place = try cursor.map(self.place)
        let now = now
        let entries = state.withLock { $0.entries }
            .sorted { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }
            .filter { flaw == .listingSkipsWhatIsExpired || !isExpired($0.value, now) }
            .filter { matches(query, listed($0.value, now)) }
        let rest =
            switch place {
            case .after(let name)?: entries.drop { !name.bytes.lexicographicallyPrecedes($0.key.bytes) }
            case .offset(let count)?: entries.dropFirst(count)
            case nil: entries[...]
            }
        let page = rest.prefix(limit)
        var next: RecordCursor?
        if page.count < rest.count, let last = page.last {
            let end = flaw == .everyRecordIsListedOnce ? rest.dropFirst(page.count).first ?? last : last
            next = RecordCursor(
                rawValue: flaw == .listingSurvivesChanges
                    ? "\(entries.count - rest.count + page.count)"
                    : end.key.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            )
        }
        return RecordPage(records: page.map { listed($0.value, now) }, next: next)
    }

    private enum Place {
        case after(Name)
        case offset(Int)
    }

    private func place(_ cursor: RecordCursor) throws -> Place {
        if flaw == .listingSurvivesChanges, let count = Int(cursor.rawValue) { return .offset(count) }
        let digits = Array(cursor.rawValue.utf8)
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap { start in
            UInt8(String(decoding: digits[start..<min(start + 2, digits.count)], as: UTF8.self), radix: 16)
        }
        // A name is a scope, a zero and a value.
        if bytes.count * 2 != digits.count || !bytes.contains(0) || bytes.first == 0 {
            if flaw == .foreignCursorIsRefused { return .offset(0) }
            throw IdempotencyError(code: .invalidCursor, message: "The cursor is not the toy store's.")
        }
        return .after(Name(bytes: bytes))
    }

    private func listed(_ entry: Entry, _ now: Duration) -> ListedRecord {
        var key = entry.key
        if flaw == .listedKeysComeBackWhole {
            let value = key.value.replacing("e\u{301}", with: "é")
            if let composed = try? IdempotencyKey(scope: key.scope, value: value) { key = composed }
        }
        let age = now - (flaw == .listingTellsAgesApart ? entry.createdAt : entry.writtenAt)
        let shown = flaw == .listingSurvivesAStepBack ? age : max(.zero, age)
        return ListedRecord(key: key, stored: stored(entry, now), age: shown)
    }

    private func matches(_ query: RecordQuery, _ listed: ListedRecord) -> Bool {
        var query = query
        // Looks at the state, and not at the clock.
        if flaw == .listingTellsStatesApart, listed.stored.record.isPending, query.states.contains(.lapsed) {
            query.states.insert(.inProgress)
        }
        // As LIKE does.
        if flaw == .listingTellsScopesApart, let tenant = query.tenant, tenant.hasSuffix("%") {
            let scope = listed.key.scope
            if scope.tenant?.hasPrefix(tenant.dropLast()) ?? false { query.tenant = scope.tenant }
        }
        return query.matches(listed)
    }

    nonisolated(nonsending) func purge(limit: Int) async throws -> Int {
        let now = now
        func isTaken(_ entry: Entry) -> Bool {
            if flaw == .purgeTakesOnlyWhatIsExpired, entry.record.isPending, entry.until <= now { return true }
            if subtlety == .purgeTakesWhatLapsedAnHourAgo, entry.record.isPending {
                return entry.until + .seconds(3600) <= now
            }
            return isExpired(entry, now)
        }
        func take(_ names: some Sequence<Name>, _ state: inout State) {
            for name in names {
                state.entries[name] = nil
                if flaw == .versionsGrowAcrossPurge { state.forgotten.insert(name) }
            }
        }
        let expired = state.withLock { state in
            let expired = state.entries.filter { isTaken($0.value) }.keys
            if flaw == .purgeSaysHowManyItTook { take(expired, &state) }
            if flaw != .purgeLosesNoClaim { take(expired.prefix(limit), &state) }
            return Array(expired.prefix(limit))
        }
        if flaw == .purgeLosesNoClaim {
            // Looks now, takes away later, and what is there by then.
            await Task.yield()
            state.withLock { take(expired, &$0) }
        }
        return expired.count
    }

    nonisolated(nonsending) func check() async throws -> StoreReport {
        if flaw == .workingStorePassesItsCheck { throw CancellationError() }
        return StoreReport(product: "a toy", role: .embedded)
    }
}
