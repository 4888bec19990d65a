@available(Idempotency 0.1, *)
extension StoreConformanceCheck {
    /// The rule in a sentence.
    public var rule: String {
        switch self {
        case .claimsAbsentKey: "A write that expects nothing is stored where nothing is, and read back as it was."
        case .lostCheckTellsWhatIsThere: "A lost check answers with what is there, so that a duplicate costs one call."
        case .staleVersionChangesNothing: "A write that expects an older version changes nothing."
        case .expectedVersionNeverCreates: "A write that expects a version never creates a record."
        case .repeatedWriteIsRecognizable: "A write that is sent twice meets itself, and is not made again."
        case .removalNeedsTheVersion: "A removal takes away the version that it names and no other."
        case .cancelledCallsHarmNobody:
            "A call whose caller is cancelled is made wholly or not at all, and hinders nobody."
        case .versionsGrowWithEachWrite: "Each write of a key has a greater version than the one before."
        case .versionsGrowAcrossRemoval: "Versions of a key grow across its removal."
        case .versionsGrowAcrossExpiry: "Versions of a key grow across its expiry."
        case .versionsGrowAcrossReopening: "Versions of a key grow across a restart of the store."
        case .remainingIsWithinTheLease: "What remains of a lease is greater than zero and not greater than the lease."
        case .renewalStartsTheLeaseAnew: "A write starts its lease anew, from the moment of the write on."
        case .livePendingStays: "A pending record whose lease holds is never taken away, however old it is."
        case .lapsedIsNotAbsent: "A pending record whose lease is over is there, with nothing remaining."
        case .leaseOfZeroIsLapsedAtOnce: "A pending record whose lease is zero is there, and lapsed from its write on."
        case .lapsedKeepsWhatItHolds: "A lapsed record keeps its fingerprint, its attempt and its steps."
        case .lapsedUnderRefuseStaysForEver: "A lapsed record without a retention stays until its version is named."
        case .abandonedGoesAfterItsRetention: "A lapsed record goes after its retention, counted from its lease's end."
        case .finishedAnswersUntilItsRetentionEnds: "A finished record is there until its retention ends."
        case .expiredIsAbsentOnEveryPath: "An expired record is absent on every path, before any sweep."
        case .spansOfEveryLengthHold: "Spans of a microsecond, of ten years and without end are kept as such."
        case .spansSurviveReopening: "A restart of the store neither lengthens nor shortens what it has stamped."
        case .everyStateComesBack: "A record of every state comes back with all its fields."
        case .recordsOfEverySizeComeBack: "Results and steps come back byte for byte, empty or a mebibyte long."
        case .oddKeysHitOnlyThemselves: "Keys of quotes, wildcards, emoji, and 255 bytes hit only themselves."
        case .scopesAreApart: "One value in two operations, for two tenants or two principals is two keys."
        case .canonicallyEqualKeysAreApart: "Keys are compared by their bytes: case and Unicode form count."
        case .oneWinnerOfAnAbsentKey: "Of 64 claims of an absent key at once one is stored; the others learn of it."
        case .oneWinnerOfALapsedClaim: "Of 64 claims upon a lapsed version at once one is stored."
        case .oneWinnerOfAnExpiredKey: "Of 64 claims of an expired key at once one is stored."
        case .oneWinnerOfWritesAndRemovals: "Of 64 writes and removals of one version at once one is made."
        case .noUpdateIsLost: "Of writers that each go on from what they read, none loses its update."
        case .manyKeysAtOnce: "Keys that are claimed at once do not get into each other's way."
        case .loadsDuringWritesAreWhole:
            "A load while others write sees one write as a whole, and none older than was acknowledged."
        case .loadSeesEveryAcknowledgedWrite: "A load sees every write that was acknowledged before it, by any way."
        case .reopeningLosesNothing: "What was acknowledged is there after a restart."
        case .changesWakeSubscribers: "A change, by whatever way, wakes whoever subscribed before it."
        case .wakesComeOnceTheChangeIsVisible: "Whoever is woken by a change, and loads then, sees it."
        case .cancelledSubscriptionsAreQuiet: "A subscription that was cancelled is not called any more."
        case .wakesComeUnderNoLock:
            "Whoever is woken may cancel the subscription, and begin a load, while it is called."
        case .everyRecordIsListedOnce: "Page by page every record is listed exactly once, whatever a page holds."
        case .listedKeysComeBackWhole: "A key is listed as it was written, byte for byte, with each part of its scope."
        case .listingTellsStatesApart:
            "A listing finds the states asked for: of pending records the live and the lapsed apart."
        case .listingTellsScopesApart:
            "A listing by operation, tenant or principal compares bytes: no pattern, no case, no Unicode form."
        case .listingTellsAgesApart: "A record's age is the time since its last write, by the store's clock."
        case .listingSkipsWhatIsExpired: "What is expired is not listed, before any sweep."
        case .listingSurvivesChanges:
            "Records that come, go or change between two pages make no other one lost or doubled."
        case .foreignCursorIsRefused: "A cursor that the store did not hand out is refused as that, and does no harm."
        case .purgeTakesOnlyWhatIsExpired:
            "A purge leaves what is not expired: live claims, lapsed ones without a retention, results."
        case .purgeSaysHowManyItTook: "A purge takes no more than its limit, and says how many it took."
        case .purgeLosesNoClaim: "A purge at the moment of a claim takes what was expired, and never the claim."
        case .versionsGrowAcrossPurge: "Versions of a key grow although a purge has forgotten it."
        case .workingStorePassesItsCheck: "The store says of itself that it can be written to and read from."
        case .versionsGrowAcrossStepsOfTheClock: "Versions of a key grow although the store's clock steps back."
        case .claimSurvivesAStepBack:
            "A claim is still there after a step back, and what remains of it is not more than its lease."
        case .finishedSurvivesAStepBack:
            "A finished record answers after a step back, with no more than its retention remaining."
        case .listingSurvivesAStepBack: "After a step back every record is listed, and no age is negative."
        case .pendingSurvivesAStepForward:
            "After a step forward claims are lapsed, not absent, and go only when their own retention is over."
        case .ageAloneTakesNothingAway:
            "What is not expired is there years later, however old it is; and what is, is not."
        case .freshKeysAreRefusedPastTheCapacity:
            "A flood of fresh keys is refused past the capacity, with that code, and evicts nothing."
        case .fullStoreServesItsKeys: "A full store renews, finishes, answers and removes what it holds."
        case .removalAndExpiryMakeRoom: "What is removed or expired makes room at once; what is lapsed does not."
        case .leasesHoldInAFlood:
            "In a flood of claims renewals and finishes are written within a quarter of the lease."
        case .leasesHoldBesideHeldKeys:
            "While other keys are held up, renewals and finishes are written within a quarter of the lease."
        case .leasesHoldBesideOperators:
            "While records are purged and listed, renewals and finishes are written within a quarter of the lease."
        case .waitersAreAnsweredInTime: "Whoever waits for another's run is answered when its time is over."
        case .callsOfHeldKeysEnd: "A call of a key that is held up ends by itself."
        }
    }
}
