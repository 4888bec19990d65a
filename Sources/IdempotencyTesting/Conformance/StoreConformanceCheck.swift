/// A rule of ``/Idempotency/IdempotencyStore``, or of a power that a store may have beside it, with the check that a store keeps it.
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
///
/// A check of a power that the store has not passes without looking; which those are, ``applies(to:)`` says:
///
/// ```swift
/// let unchecked = StoreConformanceCheck.allCases.filter { !$0.applies(to: subject) }
/// ```
///
/// On a clock that cannot be moved, run them one after the other, with the trait `.serialized`: a machine that is busy
/// with all of them at once lets more time pass than they allow for, and a check ends with ``InconclusiveConformance``.
/// ``withGrowingTick(from:upTo:report:_:)`` repeats such a check with a longer tick.
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
    /// A write that is sent twice meets itself, and is not made again.
    case repeatedWriteIsRecognizable
    /// A removal takes away the version that it names and no other.
    case removalNeedsTheVersion
    /// A call whose caller is cancelled is made wholly or not at all, and hinders nobody.
    case cancelledCallsHarmNobody
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
    /// A pending record whose lease is zero is there, and lapsed from its write on.
    case leaseOfZeroIsLapsedAtOnce
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
    /// Spans of a microsecond, of ten years and without end are kept as such.
    case spansOfEveryLengthHold
    /// A restart of the store neither lengthens nor shortens what it has stamped.
    case spansSurviveReopening
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
    /// Of 64 writes and removals of one version at once one is made.
    case oneWinnerOfWritesAndRemovals
    /// Of writers that each go on from what they read, none loses its update.
    case noUpdateIsLost
    /// Keys that are claimed at once do not get into each other's way.
    case manyKeysAtOnce
    /// A load while others write sees one write as a whole, and none older than was acknowledged.
    case loadsDuringWritesAreWhole
    /// A load sees every write that was acknowledged before it, by any way.
    case loadSeesEveryAcknowledgedWrite
    /// What was acknowledged is there after a restart.
    case reopeningLosesNothing
    // Waking: a store that is a `WakingIdempotencyStore`
    /// A change, by whatever way, wakes whoever subscribed before it.
    case changesWakeSubscribers
    /// Whoever is woken by a change, and loads then, sees it.
    case wakesComeOnceTheChangeIsVisible
    /// A subscription that was cancelled is not called any more.
    case cancelledSubscriptionsAreQuiet
    /// Whoever is woken may cancel the subscription, and begin a load, while it is called.
    case wakesComeUnderNoLock
    // Listing and purging: a store that is a `ListableIdempotencyStore`
    /// Page by page every record is listed exactly once, whatever a page holds.
    case everyRecordIsListedOnce
    /// A key is listed as it was written, byte for byte, with each part of its scope.
    case listedKeysComeBackWhole
    /// A listing finds the states asked for: of pending records the live and the lapsed apart.
    case listingTellsStatesApart
    /// A listing by operation, tenant or principal compares bytes: no pattern, no case, no Unicode form.
    case listingTellsScopesApart
    /// A record's age is the time since its last write, by the store's clock.
    case listingTellsAgesApart
    /// What is expired is not listed, before any sweep.
    case listingSkipsWhatIsExpired
    /// Records that come, go or change between two pages make no other one lost or doubled.
    ///
    /// What became of the changed ones in the listing is not looked at.
    case listingSurvivesChanges
    /// A cursor that the store did not hand out is refused as that, and does no harm.
    ///
    /// A cursor of its own with a character changed may be taken for another one; what no store hands out, may not.
    case foreignCursorIsRefused
    /// A purge leaves what is not expired: live claims, lapsed ones without a retention, results.
    case purgeTakesOnlyWhatIsExpired
    /// A purge takes no more than its limit, and says how many it took.
    ///
    /// Other checks may leave expired records behind meanwhile, and other purges take this one's: the count has to be
    /// right in one of fifty tries.
    case purgeSaysHowManyItTook
    /// A purge at the moment of a claim takes what was expired, and never the claim.
    case purgeLosesNoClaim
    /// Versions of a key grow although a purge has forgotten it.
    case versionsGrowAcrossPurge
    /// The store says of itself that it can be written to and read from.
    case workingStorePassesItsCheck
    // Steps of the store's clock: where `StoreUnderTest/stepClock` is given
    /// Versions of a key grow although the store's clock steps back.
    ///
    /// Across writes, removal, expiry and purge; and across a restart, if the store can be opened again.
    case versionsGrowAcrossStepsOfTheClock
    /// A claim is still there after a step back, and what remains of it is not more than its lease.
    ///
    /// A live claim stays live: it may hold for longer, by as much as the clock went back, and not for less. A lapsed
    /// one may hold again. A lost check is still lost, and a renewal holds for its lease at least.
    case claimSurvivesAStepBack
    /// A finished record answers after a step back, with no more than its retention remaining.
    ///
    /// It may answer for longer, by as much as the clock went back. One that was expired may be there again, or not.
    case finishedSurvivesAStepBack
    /// After a step back every record is listed, and no age is negative.
    case listingSurvivesAStepBack
    /// After a step forward claims are lapsed, not absent, and go only when their own retention is over.
    ///
    /// The clock decides, right or wrong: what it says is over, is over. So a large step forward lets a second run
    /// begin beside the first, as a stall does; the lapse policy and the fencing token are for that.
    case pendingSurvivesAStepForward
    /// What is not expired is there years later, however old it is; and what is, is not.
    case ageAloneTakesNothingAway
    // Bounds: where `StoreUnderTest/capacity` is given
    /// A flood of fresh keys is refused past the capacity, with that code, and evicts nothing.
    case freshKeysAreRefusedPastTheCapacity
    /// A full store renews, finishes, answers and removes what it holds.
    case fullStoreServesItsKeys
    /// What is removed or expired makes room at once; what is lapsed does not.
    case removalAndExpiryMakeRoom
    // Load: where `StoreUnderTest/load` is given
    /// Renewals and finishes are written within a quarter of the lease, in a flood of ten times what the store answers within one.
    case leasesHoldInAFlood
    /// Renewals and finishes are written within a quarter of the lease while calls of other keys are held up.
    case leasesHoldBesideHeldKeys
    /// Renewals and finishes are written within a quarter of the lease while records are purged and listed.
    case leasesHoldBesideOperators
    /// Whoever waits for another's run is answered when its time is over, whatever else is asked of the store.
    case waitersAreAnsweredInTime
    /// A call of a key that is held up ends by itself, within the store's limit.
    case callsOfHeldKeysEnd
}
