internal import Idempotency

@available(Idempotency 0.1, *)
extension StoreConformanceCheck {
    /// Whether a store has what the check looks at. One that does not apply passes without looking.
    ///
    /// - Parameter subject: The store, and what is said about it.
    /// - Returns: `false` for the checks of a restart, of waking, of listing and purging, of a clock that is set, of a
    ///   bound and of a load, where the store does not adopt the protocol, or the subject does not say how.
    public func applies(to subject: StoreUnderTest) -> Bool {
        switch self {
        case .claimsAbsentKey, .lostCheckTellsWhatIsThere, .staleVersionChangesNothing, .expectedVersionNeverCreates,
            .repeatedWriteIsRecognizable, .removalNeedsTheVersion, .cancelledCallsHarmNobody,
            .versionsGrowWithEachWrite, .versionsGrowAcrossRemoval, .versionsGrowAcrossExpiry,
            .remainingIsWithinTheLease, .renewalStartsTheLeaseAnew, .livePendingStays, .lapsedIsNotAbsent,
            .leaseOfZeroIsLapsedAtOnce, .lapsedKeepsWhatItHolds, .lapsedUnderRefuseStaysForEver,
            .abandonedGoesAfterItsRetention, .finishedAnswersUntilItsRetentionEnds, .expiredIsAbsentOnEveryPath,
            .spansOfEveryLengthHold, .everyStateComesBack, .recordsOfEverySizeComeBack, .oddKeysHitOnlyThemselves,
            .scopesAreApart, .canonicallyEqualKeysAreApart, .oneWinnerOfAnAbsentKey, .oneWinnerOfALapsedClaim,
            .oneWinnerOfAnExpiredKey, .oneWinnerOfWritesAndRemovals, .noUpdateIsLost, .manyKeysAtOnce,
            .loadsDuringWritesAreWhole, .loadSeesEveryAcknowledgedWrite:
            true
        case .versionsGrowAcrossReopening, .spansSurviveReopening, .reopeningLosesNothing: subject.reopen != nil
        case .changesWakeSubscribers, .wakesComeOnceTheChangeIsVisible, .cancelledSubscriptionsAreQuiet,
            .wakesComeUnderNoLock:
            subject.store is any WakingIdempotencyStore
        case .everyRecordIsListedOnce, .listedKeysComeBackWhole, .listingTellsStatesApart, .listingTellsScopesApart,
            .listingTellsAgesApart, .listingSkipsWhatIsExpired, .listingSurvivesChanges, .foreignCursorIsRefused,
            .purgeTakesOnlyWhatIsExpired, .purgeSaysHowManyItTook, .purgeLosesNoClaim, .versionsGrowAcrossPurge,
            .workingStorePassesItsCheck:
            subject.store is any ListableIdempotencyStore
        case .versionsGrowAcrossStepsOfTheClock, .claimSurvivesAStepBack, .finishedSurvivesAStepBack,
            .pendingSurvivesAStepForward, .ageAloneTakesNothingAway:
            subject.stepClock != nil
        case .listingSurvivesAStepBack: subject.stepClock != nil && subject.store is any ListableIdempotencyStore
        case .freshKeysAreRefusedPastTheCapacity, .fullStoreServesItsKeys, .removalAndExpiryMakeRoom:
            subject.capacity != nil
        case .leasesHoldInAFlood, .waitersAreAnsweredInTime: subject.load != nil
        case .leasesHoldBesideOperators: subject.load != nil && subject.store is any ListableIdempotencyStore
        case .leasesHoldBesideHeldKeys: subject.load?.holdUp != nil
        case .callsOfHeldKeysEnd: subject.load?.holdUp != nil && subject.load?.callLimit != nil
        }
    }
}
