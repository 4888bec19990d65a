import Idempotency
import IdempotencyTesting
import Synchronization

/// A store of a page, honest or with one flaw: it breaks the rule that the flaw is named after.
final class ToyStore: IdempotencyStore {
    typealias Flaw = StoreConformanceCheck

    /// A flaw beside those that are named after a rule.
    enum Subtlety: CaseIterable {
        case abandonmentFromTheWrite
        case purgeTakesWhatLapsedAnHourAgo
        case resultsGoAfterThirtyDays
        case leasesInWholeSeconds

        /// The rule that it breaks.
        var broken: StoreConformanceCheck {
            switch self {
            case .abandonmentFromTheWrite: .abandonedGoesAfterItsRetention
            case .purgeTakesWhatLapsedAnHourAgo, .resultsGoAfterThirtyDays: .ageAloneTakesNothingAway
            case .leasesInWholeSeconds: .remainingIsWithinTheLease
            }
        }
    }

    struct Entry {
        let key: IdempotencyKey
        var record: IdempotencyRecord
        var version: UInt64
        var writtenAt: Duration
        /// When the key was claimed first, whoever has renewed it since.
        var createdAt: Duration
        var until: Duration

        /// How long the write's lease or retention is.
        var span: Duration { record.isPending ? record.lease : record.retention ?? ToyStore.forEver }
    }

    struct State {
        var entries: [Name: Entry] = [:]
        /// Whose versions begin anew, where that is the flaw.
        var forgotten: Set<Name> = []
        var lastVersion: UInt64 = 100
        var loads = 0
        /// Continuations of the writes that wait until somebody has looked.
        var lookers: [UnsafeContinuation<Void, Never>] = []
        var subscribers: [Int: (Name, @Sendable () -> Void)] = [:]
        var subscriptions = 0
        /// How many are being woken, where nobody can cancel meanwhile.
        var wakes = 0
        var isStuck = false
    }

    /// A key as this store tells keys apart.
    struct Name: Hashable {
        let bytes: [UInt8]
    }

    static let forEver = Duration.seconds(1_000_000_000_000)

    let flaw: Flaw?
    let subtlety: Subtlety?
    private let clock: ManualClock
    private let capacity: Int
    let state = Mutex(State())

    init(_ flaw: Flaw?, _ clock: ManualClock, capacity: Int = .max, subtlety: Subtlety? = nil) {
        self.flaw = flaw
        self.subtlety = subtlety
        self.clock = clock
        self.capacity = capacity
    }

    func name(_ key: IdempotencyKey) -> Name {
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

    var now: Duration { clock.now.offset }

    func isExpired(_ entry: Entry, _ now: Duration) -> Bool {
        guard entry.record.isPending else {
            if flaw == .finishedSurvivesAStepBack, entry.writtenAt > now { return true }
            if subtlety == .resultsGoAfterThirtyDays, entry.writtenAt + .seconds(30 * 86400) <= now { return true }
            let early = flaw == .finishedAnswersUntilItsRetentionEnds ? (entry.until - entry.writtenAt) / 3 * 2 : .zero
            return entry.until - early <= now
        }
        if flaw == .livePendingStays, now - entry.createdAt > .seconds(15) { return true }
        if flaw == .leaseOfZeroIsLapsedAtOnce, entry.record.lease == .zero { return true }
        if flaw == .pendingSurvivesAStepForward, entry.until + .seconds(100) <= now { return true }
        if flaw == .ageAloneTakesNothingAway, entry.until + .seconds(86400) <= now { return true }
        guard let retention = entry.record.retention else {
            return flaw == .lapsedUnderRefuseStaysForEver && entry.until + .seconds(8) <= now
        }
        if subtlety == .abandonmentFromTheWrite, entry.until <= now, entry.writtenAt + retention <= now { return true }
        return flaw != .abandonedGoesAfterItsRetention && entry.until + retention <= now
    }

    func stored(_ entry: Entry, _ now: Duration) -> StoredRecord {
        var record = entry.record
        if flaw == .lapsedKeepsWhatItHolds, record.isPending, entry.until <= now {
            record = record.with(checkpoints: [])
        }
        let late: Duration = flaw == .remainingIsWithinTheLease ? .seconds(1) : .zero
        let remaining = entry.until - now + late
        return StoredRecord(
            version: RecordVersion(rawValue: entry.version),
            record: record,
            // More would remain than was asked for, where the clock stepped back.
            remaining: flaw == .claimSurvivesAStepBack ? remaining : min(remaining, entry.span + late)
        )
    }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let (name, now) = (name(key), now)
        let (early, lookers) = state.withLock { state in
            state.loads += 1
            defer { state.lookers = [] }
            return (state.entries[name]?.version, state.lookers)
        }
        for looker in lookers { looker.resume() }
        if flaw == .loadsDuringWritesAreWhole { await Task.yield() }
        return state.withLock { state in
            guard var entry = state.entries[name] else { return nil }
            if isExpired(entry, now), flaw != .expiredIsAbsentOnEveryPath { return nil }
            if flaw == .loadsDuringWritesAreWhole { entry.version = early ?? entry.version }
            return stored(entry, now)
        }
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        let (name, now) = (name(key), now)
        var change = change
        if flaw == .cancelledCallsHarmNobody, Task.isCancelled, case .write(let record) = change {
            change = .write(record.with(checkpoints: []))
        }
        let before = state.withLock { $0.entries[name] }
        if isTornApart(change, before, now) {
            // Looks now, writes later: what comes in between is overwritten.
            guard before.flatMap({ isExpired($0, now) ? nil : $0.version }) == expected?.rawValue else {
                return .conflict(before.map { stored($0, now) })
            }
            await Task.yield()
            return state.withLock { .stored(RecordVersion(rawValue: apply(change, key, now, &$0))) }
        }
        if flaw == .wakesComeOnceTheChangeIsVisible { await wakeTooEarly(name) }
        let result = try state.withLock { try decide(key, expected, change, now, &$0) }
        if case .stored = result { wake(name, after: change) }
        if state.withLock({ $0.isStuck }) { await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in } }
        return result
    }

    /// Whether this write is made in two steps.
    private func isTornApart(_ change: RecordChange, _ entry: Entry?, _ now: Duration) -> Bool {
        switch flaw {
        case .oneWinnerOfAnAbsentKey: entry == nil
        case .oneWinnerOfALapsedClaim: entry.map { $0.record.isPending && $0.until <= now } ?? false
        case .oneWinnerOfAnExpiredKey: entry.map { isExpired($0, now) } ?? false
        case .oneWinnerOfWritesAndRemovals: if case .remove = change { true } else { false }
        case .noUpdateIsLost: entry != nil
        default: false
        }
    }

    private func decide(
        _ key: IdempotencyKey,
        _ expected: RecordVersion?,
        _ change: RecordChange,
        _ now: Duration,
        _ state: inout State
    ) throws -> CheckAndSetResult {
        var entry = state.entries[name(key)]
        if let known = entry, isExpired(known, now) { entry = nil }
        if flaw == .lapsedIsNotAbsent, let known = entry, known.record.isPending, known.until <= now, expected == nil {
            entry = nil
        }
        var holds = entry?.version == expected?.rawValue
        if let entry, let expected {
            if flaw == .staleVersionChangesNothing, expected.rawValue < entry.version { holds = true }
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
        if case .write = change { try makeRoom(isFresh: entry == nil, now, &state) }
        return .stored(RecordVersion(rawValue: apply(change, key, now, &state)))
    }

    private func makeRoom(isFresh: Bool, _ now: Duration, _ state: inout State) throws {
        guard isFresh || flaw == .fullStoreServesItsKeys, flaw != .freshKeysAreRefusedPastTheCapacity else { return }
        if flaw != .removalAndExpiryMakeRoom, state.entries.count >= capacity {
            state.entries = state.entries.filter { !isExpired($0.value, now) }
        }
        guard state.entries.count >= capacity else { return }
        throw IdempotencyError(code: .capacityExceeded, message: "The toy store is full.")
    }

    private func apply(_ change: RecordChange, _ key: IdempotencyKey, _ now: Duration, _ state: inout State) -> UInt64 {
        let name = name(key)
        let before = state.entries[name]
        state.lastVersion += 1
        var version = state.lastVersion
        if flaw == .versionsGrowAcrossStepsOfTheClock {
            version = max(before.map { $0.version + 1 } ?? 0, UInt64(now.components.seconds))
        }
        switch change {
        case .write(var record):
            if flaw == .claimsAbsentKey, before == nil { return version }
            if before == nil, state.forgotten.contains(name) { version = 1 }
            if flaw == .versionsGrowAcrossExpiry, let before, isExpired(before, now) { version = 1 }
            if flaw == .everyStateComesBack, case .failed(.revoked) = record.state {
                record = record.with(.failed(.attemptsExhausted))
            }
            if flaw == .recordsOfEverySizeComeBack, case .done(.bytes(let bytes)) = record.state {
                record = record.with(.done(.bytes(Array(bytes.prefix(65_535)))))
            }
            var entry = Entry(
                key: key,
                record: record,
                version: version,
                writtenAt: now,
                createdAt: before?.createdAt ?? now,
                until: now
            )
            // A server that counts milliseconds takes what is less for none.
            let isRounded = flaw == .spansOfEveryLengthHold && entry.span < .milliseconds(1)
            entry.until += isRounded ? Self.forEver : entry.span
            if subtlety == .leasesInWholeSeconds, record.isPending {
                entry.until = now + .seconds(entry.span.components.seconds)
            }
            if flaw == .renewalStartsTheLeaseAnew, record.isPending, let before, before.record.isPending {
                entry.until = before.until
            }
            state.entries[name] = entry
            if flaw == .manyKeysAtOnce, state.entries.count > 200 {
                let oldest = state.entries.min { $0.value.version < $1.value.version }
                if let oldest { state.entries[oldest.key] = nil }
            }
        case .remove:
            state.entries[name] = nil
            if flaw == .versionsGrowAcrossRemoval { state.forgotten.insert(name) }
        }
        return version
    }

    /// As after a restart.
    func restart() {
        let now = now
        state.withLock { state in
            if flaw == .reopeningLosesNothing {
                let last = state.entries.max { $0.value.version < $1.value.version }
                if let last { state.entries[last.key] = nil }
            }
            if flaw == .versionsGrowAcrossReopening { state.lastVersion = 0 }
            if flaw == .spansSurviveReopening {
                for (name, entry) in state.entries { state.entries[name]?.until = now + entry.span }
            }
        }
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
