/// How an operation is protected: its spans of time, its limits, and what happens when something is not known.
///
/// Checked when it is made, so that one whose parts cannot work together never comes to run.
@available(Idempotency 0.1, *)
public struct OperationPolicy: Sendable {
    /// Whether the operation is protected.
    public enum Mode: Sendable {
        /// Duplicates are answered and refused as the policy says.
        case enforce
        /// Every call runs. What would have been replayed or refused is reported to the observer: for a first release.
        case observeOnly
        /// Every call runs, and the store is not asked.
        case off
    }

    /// What happens when the store does not answer a claim.
    public enum StoreFailureHandling: Sendable {
        /// The call fails, and nothing runs.
        case failClosed
        /// The handler runs without protection and without a token; the observer is told.
        case failOpen
    }

    /// Finds out what became of a run's effect. Runs in the isolation of the call that met the lapsed key.
    public typealias ReconcileHook =
        nonisolated(nonsending) @Sendable (IdempotentExecution) async throws -> Reconciliation

    /// What becomes of a key whose run ended in nobody knows what.
    public enum LapseHandling: Sendable {
        /// Runs again.
        case rerun
        /// Asks this hook, under a lease of its own, what became of the effect. While it does not know, as `.refuse`.
        case reconcile(ReconcileHook)
        /// Refuses, until a person settles it.
        case refuse
    }

    /// The policy of an interceptor that is given none: lease 30 s, retention 24 h, wait 10 s, `.rerun`, fail closed.
    public static let standard = OperationPolicy(
        unchecked: .enforce,
        lease: .seconds(30),
        maximumRunTime: .seconds(3600),
        retention: .seconds(86400),
        abandonmentRetention: .seconds(7 * 86400),
        waitLimit: .seconds(10),
        pollInterval: .seconds(1),
        lapse: .rerun,
        storeFailure: .failClosed,
        maximumAttempts: nil,
        maximumResultSize: 1 << 20,
        maximumWaiters: 10_000
    )

    /// Whether the operation is protected.
    public let mode: Mode
    /// How long a claim holds without renewal, by the store's clock.
    public var lease: Duration { .nanoseconds(leaseNanoseconds) }
    /// How long a run's lease is renewed, from its claim on. A handler that runs longer loses its lease.
    public var maximumRunTime: Duration { .nanoseconds(maximumRunNanoseconds) }
    /// How long a finished record answers duplicates. After that a retry is a new request.
    public var retention: Duration { .nanoseconds(retentionNanoseconds) }
    /// How long a lapsed record is kept under `.rerun`, from the end of its lease on.
    public var abandonmentRetention: Duration { .nanoseconds(abandonmentNanoseconds) }
    /// How long a duplicate waits for the run in progress. Zero: not at all.
    public var waitLimit: Duration { .nanoseconds(waitNanoseconds) }
    /// How often a waiting call looks at the store, underneath the store's own wake-ups.
    public var pollInterval: Duration { .nanoseconds(pollNanoseconds) }
    /// What becomes of a key whose run ended in nobody knows what.
    public let lapse: LapseHandling
    /// What happens when the store does not answer a claim.
    public let storeFailure: StoreFailureHandling
    /// How often a key is tried; `nil`: without limit.
    public let maximumAttempts: Int?
    /// The largest encoded result that is kept, in bytes; of a larger one only a tombstone is.
    public let maximumResultSize: Int
    /// How many callers may wait for one key in one interceptor.
    public let maximumWaiters: Int

    // As every call computes with them. Not behind a reference: all tasks would count it at once.
    let leaseNanoseconds: Nanoseconds
    let maximumRunNanoseconds: Nanoseconds
    let retentionNanoseconds: Nanoseconds
    let abandonmentNanoseconds: Nanoseconds
    let waitNanoseconds: Nanoseconds
    let pollNanoseconds: Nanoseconds

    /// Makes a policy. What is left out is as in ``standard``.
    ///
    /// - Parameters:
    ///   - mode: Whether the operation is protected.
    ///   - lease: How long a claim holds without renewal; greater than zero. Short leases free a dead process's keys soon,
    ///     long ones ride out a store that is away for a while.
    ///   - maximumRunTime: How long a run's lease is renewed; not less than the lease.
    ///   - retention: How long a finished record answers duplicates; at least `waitLimit + pollInterval + lease`.
    ///   - abandonmentRetention: How long a lapsed record is kept under `.rerun`; greater than zero.
    ///   - waitLimit: How long a duplicate waits for the run in progress; zero: not at all.
    ///   - pollInterval: How often a waiting call looks at the store; greater than zero.
    ///   - lapse: What becomes of a key whose run ended in nobody knows what.
    ///   - storeFailure: What happens when the store does not answer a claim.
    ///   - maximumAttempts: How often a key is tried, at least 1; `nil`: without limit.
    ///   - maximumResultSize: The largest encoded result that is kept; 0 to 1 GiB.
    ///   - maximumWaiters: How many callers may wait for one key in one interceptor; not negative.
    /// - Throws: ``IdempotencyError`` with ``IdempotencyError/Code/invalidPolicy``. No span may be over 10 years.
    public init(
        mode: Mode = .enforce,
        lease: Duration = Self.standard.lease,
        maximumRunTime: Duration = Self.standard.maximumRunTime,
        retention: Duration = Self.standard.retention,
        abandonmentRetention: Duration = Self.standard.abandonmentRetention,
        waitLimit: Duration = Self.standard.waitLimit,
        pollInterval: Duration = Self.standard.pollInterval,
        lapse: LapseHandling = .rerun,
        storeFailure: StoreFailureHandling = .failClosed,
        maximumAttempts: Int? = nil,
        maximumResultSize: Int = Self.standard.maximumResultSize,
        maximumWaiters: Int = Self.standard.maximumWaiters
    ) throws(IdempotencyError) {
        func require(_ condition: Bool, _ message: @autoclosure () -> String) throws(IdempotencyError) {
            if !condition { throw IdempotencyError(.invalidPolicy, message()) }
        }
        let spans: KeyValuePairs = [
            "lease": lease, "maximumRunTime": maximumRunTime, "retention": retention,
            "abandonmentRetention": abandonmentRetention, "pollInterval": pollInterval,
        ]
        for (name, span) in spans {
            // A store may stamp in microseconds: what it would round to nothing is refused here.
            try require(span >= .microseconds(1), "The policy's \(name) is \(span); make it at least a microsecond.")
        }
        try require(waitLimit >= .zero, "The policy's waitLimit is \(waitLimit); make it zero or more.")
        for (name, span) in Array(spans) + [(key: "waitLimit", value: waitLimit)] {
            try require(span <= .seconds(10 * 366 * 86400), "The policy's \(name) is over 10 years; shorten it.")
        }
        try require(
            maximumRunTime >= lease,
            "The policy's maximumRunTime (\(maximumRunTime)) is shorter than its lease (\(lease)); lengthen it."
        )
        try require(
            retention >= waitLimit + pollInterval + lease,
            "The policy's retention (\(retention)) is shorter than waitLimit + pollInterval + lease "
                + "(\(waitLimit + pollInterval + lease)), so that a waiting duplicate could miss the result and run "
                + "again; lengthen the retention or shorten the others."
        )
        try require((maximumAttempts ?? 1) >= 1, "The policy's maximumAttempts is below 1; allow at least one.")
        try require(
            UInt64(maximumAttempts ?? 1) <= UInt64(UInt32.max),
            "The policy's maximumAttempts is over \(UInt32.max); use nil."
        )
        try require(
            (0...(1 << 30)).contains(maximumResultSize),
            "The policy's maximumResultSize is \(maximumResultSize); use 0 to \(1 << 30) bytes."
        )
        try require(maximumWaiters >= 0, "The policy's maximumWaiters is negative; use 0 or more.")
        self.init(
            unchecked: mode,
            lease: lease,
            maximumRunTime: maximumRunTime,
            retention: retention,
            abandonmentRetention: abandonmentRetention,
            waitLimit: waitLimit,
            pollInterval: pollInterval,
            lapse: lapse,
            storeFailure: storeFailure,
            maximumAttempts: maximumAttempts,
            maximumResultSize: maximumResultSize,
            maximumWaiters: maximumWaiters
        )
    }

    /// The same for effects that are committed together with their record: a run that died has left none, so that it is
    /// always right to run again; and where the store does not answer, no effect could be made either.
    package var forTransactions: OperationPolicy {
        OperationPolicy(
            unchecked: mode,
            lease: lease,
            maximumRunTime: maximumRunTime,
            retention: retention,
            abandonmentRetention: abandonmentRetention,
            waitLimit: waitLimit,
            pollInterval: pollInterval,
            lapse: .rerun,
            storeFailure: .failClosed,
            maximumAttempts: maximumAttempts,
            maximumResultSize: maximumResultSize,
            maximumWaiters: maximumWaiters
        )
    }

    private init(
        unchecked mode: Mode,
        lease: Duration,
        maximumRunTime: Duration,
        retention: Duration,
        abandonmentRetention: Duration,
        waitLimit: Duration,
        pollInterval: Duration,
        lapse: LapseHandling,
        storeFailure: StoreFailureHandling,
        maximumAttempts: Int?,
        maximumResultSize: Int,
        maximumWaiters: Int
    ) {
        self.mode = mode
        self.lapse = lapse
        self.storeFailure = storeFailure
        self.maximumAttempts = maximumAttempts
        self.maximumResultSize = maximumResultSize
        self.maximumWaiters = maximumWaiters
        leaseNanoseconds = lease.nanoseconds
        maximumRunNanoseconds = maximumRunTime.nanoseconds
        retentionNanoseconds = retention.nanoseconds
        abandonmentNanoseconds = abandonmentRetention.nanoseconds
        waitNanoseconds = waitLimit.nanoseconds
        pollNanoseconds = pollInterval.nanoseconds
    }
}

@available(Idempotency 0.1, *)
extension OperationPolicy.LapseHandling {
    /// What the record keeps of it.
    var recorded: LapsePolicy {
        switch self {
        case .rerun: .rerun
        case .reconcile: .reconcile
        case .refuse: .refuse
        }
    }
}
