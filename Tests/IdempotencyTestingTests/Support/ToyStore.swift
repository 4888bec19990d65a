import Idempotency
import IdempotencyTesting
import Synchronization

/// A store of a page, honest or with one flaw: it breaks the rule that the flaw is named after.
final class ToyStore: WakingIdempotencyStore {
    typealias Flaw = StoreConformanceCheck

    private struct Entry {
        var record: IdempotencyRecord
        var version: UInt64
        var writtenAt: Duration
        /// When the key was claimed first, whoever has renewed it since.
        var createdAt: Duration
        var until: Duration
    }

    private struct State {
        var entries: [Name: Entry] = [:]
        var removed: Set<Name> = []
        var lastVersion: UInt64 = 100
        var subscribers: [Int: (Name, @Sendable () -> Void)] = [:]
        var subscriptions = 0
    }

    /// A key as this store tells keys apart.
    private struct Name: Hashable {
        let bytes: [UInt8]
    }

    private let flaw: Flaw?
    private let clock: ManualClock
    private let state = Mutex(State())

    init(_ flaw: Flaw?, _ clock: ManualClock) {
        self.flaw = flaw
        self.clock = clock
    }

    private func name(_ key: IdempotencyKey) -> Name {
        let scope = key.scope
        var text = "\(scope.text)\u{0}\(key.value)"
        switch flaw {
        case .oddKeysHitOnlyThemselves:
            while text.hasSuffix(" ") { text.removeLast() }
        case .scopesAreApart:
            text = [scope.operation, scope.tenant ?? "", scope.principal ?? "", key.value].joined(separator: ":")
        case .canonicallyEqualKeysAreApart:
            text = text.replacing("e\u{301}", with: "é")
        default: break
        }
        return Name(bytes: Array(text.utf8))
    }

    private var now: Duration { clock.now.offset }

    private func isExpired(_ entry: Entry, _ now: Duration) -> Bool {
        guard entry.record.isPending else {
            let early = flaw == .finishedAnswersUntilItsRetentionEnds ? (entry.until - entry.writtenAt) / 3 * 2 : .zero
            return entry.until - early <= now
        }
        if flaw == .livePendingStays, now - entry.createdAt > .seconds(15) { return true }
        guard let retention = entry.record.retention else {
            return flaw == .lapsedUnderRefuseStaysForEver && entry.until + .seconds(8) <= now
        }
        return flaw != .abandonedGoesAfterItsRetention && entry.until + retention <= now
    }

    private func stored(_ entry: Entry, _ now: Duration) -> StoredRecord {
        var record = entry.record
        if flaw == .lapsedKeepsWhatItHolds, record.isPending, entry.until <= now {
            record = record.with(checkpoints: [])
        }
        let late: Duration = flaw == .remainingIsWithinTheLease ? .seconds(1) : .zero
        return StoredRecord(
            version: RecordVersion(rawValue: entry.version),
            record: record,
            remaining: entry.until - now + late
        )
    }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let (name, now) = (name(key), now)
        return state.withLock { state in
            guard let entry = state.entries[name] else { return nil }
            if isExpired(entry, now), flaw != .expiredIsAbsentOnEveryPath { return nil }
            return stored(entry, now)
        }
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        let (name, now) = (name(key), now)
        let before = state.withLock { $0.entries[name] }
        if isTornApart(before, now) {
            // Looks now, writes later: what comes in between is overwritten.
            guard before.flatMap({ isExpired($0, now) ? nil : $0.version }) == expected?.rawValue else {
                return .conflict(before.map { stored($0, now) })
            }
            await Task.yield()
            return state.withLock { .stored(RecordVersion(rawValue: apply(change, name, now, &$0))) }
        }
        let (result, wakes) = state.withLock { state -> (CheckAndSetResult, [@Sendable () -> Void]) in
            let result = decide(name, expected, change, now, &state)
            guard case .stored = result else { return (result, []) }
            if flaw == .changesWakeSubscribers, case .remove = change { return (result, []) }
            return (result, state.subscribers.values.filter { $0.0 == name }.map(\.1))
        }
        for wake in wakes { wake() }
        return result
    }

    /// Whether this write is made in two steps.
    private func isTornApart(_ entry: Entry?, _ now: Duration) -> Bool {
        switch flaw {
        case .oneWinnerOfAnAbsentKey: entry == nil
        case .oneWinnerOfALapsedClaim: entry.map { $0.record.isPending && $0.until <= now } ?? false
        case .oneWinnerOfAnExpiredKey: entry.map { isExpired($0, now) } ?? false
        case .noUpdateIsLost: entry != nil
        default: false
        }
    }

    private func decide(
        _ name: Name,
        _ expected: RecordVersion?,
        _ change: RecordChange,
        _ now: Duration,
        _ state: inout State
    ) -> CheckAndSetResult {
        var entry = state.entries[name]
        if let known = entry, isExpired(known, now) { entry = nil }
        if flaw == .lapsedIsNotAbsent, let known = entry, known.record.isPending, known.until <= now, expected == nil {
            entry = nil
        }
        var holds = entry?.version == expected?.rawValue
        if let entry, let expected {
            if flaw == .staleVersionChangesNothing, expected.rawValue < entry.version { holds = true }
            if flaw == .removalNeedsTheVersion, case .remove = change { holds = true }
        }
        if flaw == .removalNeedsTheVersion, case .remove = change { holds = true }
        if flaw == .expectedVersionNeverCreates, entry == nil, case .write = change { holds = true }
        if flaw == .repeatedWriteIsRecognizable, case .write(let record) = change, record == entry?.record {
            holds = true
        }
        guard holds else {
            return .conflict(flaw == .lostCheckTellsWhatIsThere ? nil : entry.map { stored($0, now) })
        }
        if flaw == .versionsGrowWithEachWrite, let entry, case .write(let record) = change, record == entry.record {
            return .stored(RecordVersion(rawValue: entry.version))
        }
        return .stored(RecordVersion(rawValue: apply(change, name, now, &state)))
    }

    private func apply(_ change: RecordChange, _ name: Name, _ now: Duration, _ state: inout State) -> UInt64 {
        let before = state.entries[name]
        state.lastVersion += 1
        var version = state.lastVersion
        switch change {
        case .write(var record):
            if flaw == .claimsAbsentKey, before == nil { return version }
            if flaw == .versionsGrowAcrossRemoval, before == nil, state.removed.contains(name) { version = 1 }
            if flaw == .versionsGrowAcrossExpiry, let before, isExpired(before, now) { version = 1 }
            if flaw == .everyStateComesBack, case .failed(.revoked) = record.state {
                record = record.with(.failed(.attemptsExhausted))
            }
            if flaw == .recordsOfEverySizeComeBack, case .done(.bytes(let bytes)) = record.state {
                record = record.with(.done(.bytes(Array(bytes.prefix(65_535)))))
            }
            var until = now + (record.isPending ? record.lease : record.retention ?? .zero)
            if flaw == .renewalStartsTheLeaseAnew, record.isPending, let before, before.record.isPending {
                until = before.until
            }
            state.entries[name] = Entry(
                record: record,
                version: version,
                writtenAt: now,
                createdAt: before?.createdAt ?? now,
                until: until
            )
            if flaw == .manyKeysAtOnce, state.entries.count > 200 {
                let oldest = state.entries.min { $0.value.version < $1.value.version }
                if let oldest { state.entries[oldest.key] = nil }
            }
        case .remove:
            state.entries[name] = nil
            state.removed.insert(name)
        }
        return version
    }

    /// As after a restart.
    func restart() {
        state.withLock { state in
            if flaw == .reopeningLosesNothing {
                let last = state.entries.max { $0.value.version < $1.value.version }
                if let last { state.entries[last.key] = nil }
            }
            if flaw == .versionsGrowAcrossReopening { state.lastVersion = 0 }
        }
    }

    nonisolated(nonsending) func subscribe(
        to key: IdempotencyKey,
        onChange: @escaping @Sendable () -> Void
    ) async throws -> any StoreSubscription {
        let name = name(key)
        let number = state.withLock { state in
            state.subscriptions += 1
            state.subscribers[state.subscriptions] = (name, onChange)
            return state.subscriptions
        }
        return Subscription(store: self, number: number)
    }

    private struct Subscription: StoreSubscription {
        let store: ToyStore
        let number: Int

        func cancel() {
            if store.flaw == .cancelledSubscriptionsAreQuiet { return }
            store.state.withLock { $0.subscribers[number] = nil }
        }
    }
}

/// Reads what was there before the last write.
final class StaleReplica: IdempotencyStore {
    private let base: ToyStore
    private let last = Mutex<[IdempotencyKey: StoredRecord]>([:])

    init(_ base: ToyStore) { self.base = base }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let current = try await base.load(key)
        return last.withLock { last in
            defer { last[key] = current }
            return last[key] ?? current
        }
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        try await base.checkAndSet(key, expecting: expected, change)
    }
}

extension IdempotencyRecord {
    /// The same record in another state, or with other steps.
    fileprivate func with(_ state: State? = nil, checkpoints: [Checkpoint]? = nil) -> IdempotencyRecord {
        IdempotencyRecord(
            state: state ?? self.state,
            attempt: attemptNumber,
            claimant: claimant,
            token: tokenNumber,
            fingerprint: fingerprint,
            lapsePolicy: lapsePolicy,
            isKnownWithoutEffect: isKnownWithoutEffect,
            lease: leaseNanoseconds,
            retention: retentionNanoseconds,
            checkpoints: checkpoints ?? self.checkpoints
        )
    }
}
