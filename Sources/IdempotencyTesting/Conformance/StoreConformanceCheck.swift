/// A rule of ``/Idempotency/IdempotencyStore``, with the check that a store keeps it.
///
/// Run them all, each as a test of its own:
///
/// ```swift
/// @Test(arguments: StoreConformanceCheck.allCases)
/// func conforms(_ check: StoreConformanceCheck) async throws {
///     let clock = ManualClock()
///     let store = InMemoryIdempotencyStore(clock: clock)
///     try await check.run(on: StoreUnderTest(store) { clock.advance(by: $0) })
/// }
/// ```
@available(Idempotency 0.1, *)
public enum StoreConformanceCheck: String, CaseIterable, Sendable {
    // What a check-and-set does
    /// A write that expects nothing is stored where nothing is, and read back as it was.
    case claimsAbsentKey
    /// A lost check answers with what is there, so that a duplicate costs one call.
    case lostCheckTellsWhatIsThere
    /// A write that expects an older version changes nothing.
    case staleVersionChangesNothing
    /// A write that expects a version never creates a record.
    case expectedVersionNeverCreates
    /// A claim that is sent twice meets itself, and no second claim is made.
    case repeatedWriteIsRecognizable
    /// A removal takes away the version that it names and no other.
    case removalNeedsTheVersion
    // Versions
    /// Each write of a key has a greater version than the one before.
    case versionsGrowWithEachWrite
    /// Versions of a key grow across its removal.
    case versionsGrowAcrossRemoval
    /// Versions of a key grow across its expiry.
    case versionsGrowAcrossExpiry
    /// Versions of a key grow across a restart of the store.
    case versionsGrowAcrossReopening
    // Time
    /// What remains of a lease is greater than zero and not greater than the lease.
    case remainingIsWithinTheLease
    /// A write starts its lease anew, from the moment of the write on.
    case renewalStartsTheLeaseAnew
    /// A pending record whose lease holds is never taken away, however old it is.
    case livePendingStays
    /// A pending record whose lease is over is there, with nothing remaining.
    case lapsedIsNotAbsent
    /// A lapsed record keeps its fingerprint, its attempt and its steps.
    case lapsedKeepsWhatItHolds
    /// A lapsed record without a retention stays until its version is named.
    case lapsedUnderRefuseStaysForEver
    /// A lapsed record goes after its retention, counted from its lease's end.
    case abandonedGoesAfterItsRetention
    /// A finished record is there until its retention ends.
    case finishedAnswersUntilItsRetentionEnds
    /// An expired record is absent on every path, before any sweep.
    case expiredIsAbsentOnEveryPath
    // What is stored
    /// A record of every state comes back with all its fields.
    case everyStateComesBack
    /// Results and steps come back byte for byte, empty or a mebibyte long.
    case recordsOfEverySizeComeBack
    /// Keys of quotes, wildcards, emoji, and 255 bytes hit only themselves.
    case oddKeysHitOnlyThemselves
    /// One value in two operations, for two tenants or two principals is two keys.
    case scopesAreApart
    /// Keys are compared by their bytes: case and Unicode form count.
    case canonicallyEqualKeysAreApart
    // Many at once
    /// Of 64 claims of an absent key at once one is stored; the others learn of it.
    case oneWinnerOfAnAbsentKey
    /// Of 64 claims upon a lapsed version at once one is stored.
    case oneWinnerOfALapsedClaim
    /// Of 64 claims of an expired key at once one is stored.
    case oneWinnerOfAnExpiredKey
    /// Of writers that each go on from what they read, none loses its update.
    case noUpdateIsLost
    /// Keys that are claimed at once do not get into each other's way.
    case manyKeysAtOnce
    /// A load sees every write that was acknowledged before it, by any way.
    case loadSeesEveryAcknowledgedWrite
    /// What was acknowledged is there after a restart.
    case reopeningLosesNothing
    // Waking
    /// A change wakes whoever subscribed before it, and is visible by then.
    case changesWakeSubscribers
    /// A subscription that was cancelled is not called any more.
    case cancelledSubscriptionsAreQuiet

    /// The rule in a sentence.
    public var rule: String {
        switch self {
        case .claimsAbsentKey: "A write that expects nothing is stored where nothing is, and read back as it was."
        case .lostCheckTellsWhatIsThere: "A lost check answers with what is there, so that a duplicate costs one call."
        case .staleVersionChangesNothing: "A write that expects an older version changes nothing."
        case .expectedVersionNeverCreates: "A write that expects a version never creates a record."
        case .repeatedWriteIsRecognizable: "A claim that is sent twice meets itself, and no second claim is made."
        case .removalNeedsTheVersion: "A removal takes away the version that it names and no other."
        case .versionsGrowWithEachWrite: "Each write of a key has a greater version than the one before."
        case .versionsGrowAcrossRemoval: "Versions of a key grow across its removal."
        case .versionsGrowAcrossExpiry: "Versions of a key grow across its expiry."
        case .versionsGrowAcrossReopening: "Versions of a key grow across a restart of the store."
        case .remainingIsWithinTheLease: "What remains of a lease is greater than zero and not greater than the lease."
        case .renewalStartsTheLeaseAnew: "A write starts its lease anew, from the moment of the write on."
        case .livePendingStays: "A pending record whose lease holds is never taken away, however old it is."
        case .lapsedIsNotAbsent: "A pending record whose lease is over is there, with nothing remaining."
        case .lapsedKeepsWhatItHolds: "A lapsed record keeps its fingerprint, its attempt and its steps."
        case .lapsedUnderRefuseStaysForEver: "A lapsed record without a retention stays until its version is named."
        case .abandonedGoesAfterItsRetention: "A lapsed record goes after its retention, counted from its lease's end."
        case .finishedAnswersUntilItsRetentionEnds: "A finished record is there until its retention ends."
        case .expiredIsAbsentOnEveryPath: "An expired record is absent on every path, before any sweep."
        case .everyStateComesBack: "A record of every state comes back with all its fields."
        case .recordsOfEverySizeComeBack: "Results and steps come back byte for byte, empty or a mebibyte long."
        case .oddKeysHitOnlyThemselves: "Keys of quotes, wildcards, emoji, and 255 bytes hit only themselves."
        case .scopesAreApart: "One value in two operations, for two tenants or two principals is two keys."
        case .canonicallyEqualKeysAreApart: "Keys are compared by their bytes: case and Unicode form count."
        case .oneWinnerOfAnAbsentKey: "Of 64 claims of an absent key at once one is stored; the others learn of it."
        case .oneWinnerOfALapsedClaim: "Of 64 claims upon a lapsed version at once one is stored."
        case .oneWinnerOfAnExpiredKey: "Of 64 claims of an expired key at once one is stored."
        case .noUpdateIsLost: "Of writers that each go on from what they read, none loses its update."
        case .manyKeysAtOnce: "Keys that are claimed at once do not get into each other's way."
        case .loadSeesEveryAcknowledgedWrite: "A load sees every write that was acknowledged before it, by any way."
        case .reopeningLosesNothing: "What was acknowledged is there after a restart."
        case .changesWakeSubscribers: "A change wakes whoever subscribed before it, and is visible by then."
        case .cancelledSubscriptionsAreQuiet: "A subscription that was cancelled is not called any more."
        }
    }

    /// Checks a store.
    ///
    /// - Parameter subject: The store and its clock.
    /// - Throws: ``ConformanceViolation``, or what the store throws. A check that needs a power that the store has not
    ///   (reopening, waking) passes without looking.
    public func run(on subject: StoreUnderTest) async throws {
        let run = ConformanceRun(self, subject)
        switch self {
        case .claimsAbsentKey: try await run.claimsAbsentKey()
        case .lostCheckTellsWhatIsThere: try await run.lostCheckTellsWhatIsThere()
        case .staleVersionChangesNothing: try await run.staleVersionChangesNothing()
        case .expectedVersionNeverCreates: try await run.expectedVersionNeverCreates()
        case .repeatedWriteIsRecognizable: try await run.repeatedWriteIsRecognizable()
        case .removalNeedsTheVersion: try await run.removalNeedsTheVersion()
        case .versionsGrowWithEachWrite: try await run.versionsGrowWithEachWrite()
        case .versionsGrowAcrossRemoval: try await run.versionsGrowAcrossRemoval()
        case .versionsGrowAcrossExpiry: try await run.versionsGrowAcrossExpiry()
        case .versionsGrowAcrossReopening: try await run.versionsGrowAcrossReopening()
        case .remainingIsWithinTheLease: try await run.remainingIsWithinTheLease()
        case .renewalStartsTheLeaseAnew: try await run.renewalStartsTheLeaseAnew()
        case .livePendingStays: try await run.livePendingStays()
        case .lapsedIsNotAbsent: try await run.lapsedIsNotAbsent()
        case .lapsedKeepsWhatItHolds: try await run.lapsedKeepsWhatItHolds()
        case .lapsedUnderRefuseStaysForEver: try await run.lapsedUnderRefuseStaysForEver()
        case .abandonedGoesAfterItsRetention: try await run.abandonedGoesAfterItsRetention()
        case .finishedAnswersUntilItsRetentionEnds: try await run.finishedAnswersUntilItsRetentionEnds()
        case .expiredIsAbsentOnEveryPath: try await run.expiredIsAbsentOnEveryPath()
        case .everyStateComesBack: try await run.everyStateComesBack()
        case .recordsOfEverySizeComeBack: try await run.recordsOfEverySizeComeBack()
        case .oddKeysHitOnlyThemselves: try await run.oddKeysHitOnlyThemselves()
        case .scopesAreApart: try await run.scopesAreApart()
        case .canonicallyEqualKeysAreApart: try await run.canonicallyEqualKeysAreApart()
        case .oneWinnerOfAnAbsentKey: try await run.oneWinnerOfAnAbsentKey()
        case .oneWinnerOfALapsedClaim: try await run.oneWinnerOfALapsedClaim()
        case .oneWinnerOfAnExpiredKey: try await run.oneWinnerOfAnExpiredKey()
        case .noUpdateIsLost: try await run.noUpdateIsLost()
        case .manyKeysAtOnce: try await run.manyKeysAtOnce()
        case .loadSeesEveryAcknowledgedWrite: try await run.loadSeesEveryAcknowledgedWrite()
        case .reopeningLosesNothing: try await run.reopeningLosesNothing()
        case .changesWakeSubscribers: try await run.changesWakeSubscribers()
        case .cancelledSubscriptionsAreQuiet: try await run.cancelledSubscriptionsAreQuiet()
        }
    }
}
