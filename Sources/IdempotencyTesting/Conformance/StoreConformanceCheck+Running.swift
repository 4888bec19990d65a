@available(Idempotency 0.1, *)
extension StoreConformanceCheck {
    /// Checks a store.
    ///
    /// - Parameter subject: The store and its clock.
    /// - Throws: ``ConformanceViolation``; ``InconclusiveConformance`` if what looks like one may come of a machine that was
    ///   too slow; or what the store throws. A check that does not apply passes without looking: see ``applies(to:)``.
    public func run(on subject: StoreUnderTest) async throws {
        guard applies(to: subject) else { return }
        let run = ConformanceRun(self, subject)
        do {
            try await make(run)
        } catch let violation as ConformanceViolation {
            let doubt = try await run.watch.doubt(violation, tick: subject.tick, advanceTime: subject.advanceTime)
            throw doubt ?? violation
        }
    }

    /// Repeats checks with longer ticks while the machine is too slow for a conclusion, and reports each repetition.
    ///
    /// Use it on a clock that passes by itself: a short tick makes the checks quick, and a busy machine makes none of them fail.
    ///
    /// ```swift
    /// @Test(.serialized, arguments: StoreConformanceCheck.allCases)
    /// func conforms(_ check: StoreConformanceCheck) async throws {
    ///     try await StoreConformanceCheck.withGrowingTick { tick in
    ///         let store = try await MyStore.connect()
    ///         try await check.run(on: StoreUnderTest(store, tick: tick) { try await Task.sleep(for: $0) })
    ///     }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - first: The first tick, longer than zero. Each repetition has twice the tick of the one before.
    ///   - limit: The longest tick. If it is shorter than twice the first, nothing is repeated.
    ///   - report: Receives the inconclusive result and the next tick before each repetition; it prints them by default.
    ///   - body: Runs checks with a tick, on a store that nothing has closed.
    /// - Throws: What the body throws; ``InconclusiveConformance`` only after the longest tick.
    nonisolated(nonsending)
        public static func withGrowingTick(
            from first: Duration = .milliseconds(200),
            upTo limit: Duration = .seconds(10),
            report: (InconclusiveConformance, _ next: Duration) -> Void = {
                print("\($0) Repeated with a tick of \($1).")
            },
            _ body: nonisolated(nonsending) (_ tick: Duration) async throws -> Void
        ) async throws
    {
        precondition(first > .zero, "The first tick has to be longer than zero.")
        var tick = first
        while true {
            do {
                return try await body(tick)
            } catch let doubt as InconclusiveConformance where tick * 2 <= limit {
                tick *= 2
                report(doubt, tick)
            }
        }
    }

    private func make(_ run: ConformanceRun) async throws {
        switch self {
        case .claimsAbsentKey: try await run.claimsAbsentKey()
        case .lostCheckTellsWhatIsThere: try await run.lostCheckTellsWhatIsThere()
        case .staleVersionChangesNothing: try await run.staleVersionChangesNothing()
        case .expectedVersionNeverCreates: try await run.expectedVersionNeverCreates()
        case .repeatedWriteIsRecognizable: try await run.repeatedWriteIsRecognizable()
        case .removalNeedsTheVersion: try await run.removalNeedsTheVersion()
        case .cancelledCallsHarmNobody: try await run.cancelledCallsHarmNobody()
        case .versionsGrowWithEachWrite: try await run.versionsGrowWithEachWrite()
        case .versionsGrowAcrossRemoval: try await run.versionsGrowAcrossRemoval()
        case .versionsGrowAcrossExpiry: try await run.versionsGrowAcrossExpiry()
        case .versionsGrowAcrossReopening: try await run.versionsGrowAcrossReopening()
        case .remainingIsWithinTheLease: try await run.remainingIsWithinTheLease()
        case .renewalStartsTheLeaseAnew: try await run.renewalStartsTheLeaseAnew()
        case .livePendingStays: try await run.livePendingStays()
        case .lapsedIsNotAbsent: try await run.lapsedIsNotAbsent()
        case .leaseOfZeroIsLapsedAtOnce: try await run.leaseOfZeroIsLapsedAtOnce()
        case .lapsedKeepsWhatItHolds: try await run.lapsedKeepsWhatItHolds()
        case .lapsedUnderRefuseStaysForEver: try await run.lapsedUnderRefuseStaysForEver()
        case .abandonedGoesAfterItsRetention: try await run.abandonedGoesAfterItsRetention()
        case .finishedAnswersUntilItsRetentionEnds: try await run.finishedAnswersUntilItsRetentionEnds()
        case .expiredIsAbsentOnEveryPath: try await run.expiredIsAbsentOnEveryPath()
        case .spansOfEveryLengthHold: try await run.spansOfEveryLengthHold()
        case .spansSurviveReopening: try await run.spansSurviveReopening()
        case .everyStateComesBack: try await run.everyStateComesBack()
        case .recordsOfEverySizeComeBack: try await run.recordsOfEverySizeComeBack()
        case .oddKeysHitOnlyThemselves: try await run.oddKeysHitOnlyThemselves()
        case .scopesAreApart: try await run.scopesAreApart()
        case .canonicallyEqualKeysAreApart: try await run.canonicallyEqualKeysAreApart()
        case .oneWinnerOfAnAbsentKey: try await run.oneWinnerOfAnAbsentKey()
        case .oneWinnerOfALapsedClaim: try await run.oneWinnerOfALapsedClaim()
        case .oneWinnerOfAnExpiredKey: try await run.oneWinnerOfAnExpiredKey()
        case .oneWinnerOfWritesAndRemovals: try await run.oneWinnerOfWritesAndRemovals()
        case .noUpdateIsLost: try await run.noUpdateIsLost()
        case .manyKeysAtOnce: try await run.manyKeysAtOnce()
        case .loadsDuringWritesAreWhole: try await run.loadsDuringWritesAreWhole()
        case .loadSeesEveryAcknowledgedWrite: try await run.loadSeesEveryAcknowledgedWrite()
        case .reopeningLosesNothing: try await run.reopeningLosesNothing()
        case .changesWakeSubscribers: try await run.changesWakeSubscribers()
        case .wakesComeOnceTheChangeIsVisible: try await run.wakesComeOnceTheChangeIsVisible()
        case .cancelledSubscriptionsAreQuiet: try await run.cancelledSubscriptionsAreQuiet()
        case .wakesComeUnderNoLock: try await run.wakesComeUnderNoLock()
        case .everyRecordIsListedOnce: try await run.everyRecordIsListedOnce()
        case .listedKeysComeBackWhole: try await run.listedKeysComeBackWhole()
        case .listingTellsStatesApart: try await run.listingTellsStatesApart()
        case .listingTellsScopesApart: try await run.listingTellsScopesApart()
        case .listingTellsAgesApart: try await run.listingTellsAgesApart()
        case .listingSkipsWhatIsExpired: try await run.listingSkipsWhatIsExpired()
        case .listingSurvivesChanges: try await run.listingSurvivesChanges()
        case .foreignCursorIsRefused: try await run.foreignCursorIsRefused()
        case .purgeTakesOnlyWhatIsExpired: try await run.purgeTakesOnlyWhatIsExpired()
        case .purgeSaysHowManyItTook: try await run.purgeSaysHowManyItTook()
        case .purgeLosesNoClaim: try await run.purgeLosesNoClaim()
        case .versionsGrowAcrossPurge: try await run.versionsGrowAcrossPurge()
        case .workingStorePassesItsCheck: try await run.workingStorePassesItsCheck()
        case .versionsGrowAcrossStepsOfTheClock: try await run.versionsGrowAcrossStepsOfTheClock()
        case .claimSurvivesAStepBack: try await run.claimSurvivesAStepBack()
        case .finishedSurvivesAStepBack: try await run.finishedSurvivesAStepBack()
        case .listingSurvivesAStepBack: try await run.listingSurvivesAStepBack()
        case .pendingSurvivesAStepForward: try await run.pendingSurvivesAStepForward()
        case .ageAloneTakesNothingAway: try await run.ageAloneTakesNothingAway()
        case .freshKeysAreRefusedPastTheCapacity: try await run.freshKeysAreRefusedPastTheCapacity()
        case .fullStoreServesItsKeys: try await run.fullStoreServesItsKeys()
        case .removalAndExpiryMakeRoom: try await run.removalAndExpiryMakeRoom()
        case .leasesHoldInAFlood: try await run.leasesHoldInAFlood()
        case .leasesHoldBesideHeldKeys: try await run.leasesHoldBesideHeldKeys()
        case .leasesHoldBesideOperators: try await run.leasesHoldBesideOperators()
        case .waitersAreAnsweredInTime: try await run.waitersAreAnsweredInTime()
        case .callsOfHeldKeysEnd: try await run.callsOfHeldKeysEnd()
        }
    }
}
