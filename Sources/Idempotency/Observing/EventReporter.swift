/// Tells the observer, if there is one.
@available(Idempotency 0.1, *)
struct EventReporter: Sendable {
    private let observer: (any IdempotencyObserver)?

    init(_ observer: (any IdempotencyObserver)?) { self.observer = observer }

    /// Whether anybody listens: where an event's parts cost something, they are not made for nobody.
    var isObserved: Bool { observer != nil }

    func report(
        _ kind: IdempotencyEvent.Kind,
        _ key: IdempotencyKey,
        _ state: RecordState?,
        attempt: Int = 0,
        duration: Duration? = nil,
        error: (any Error)? = nil
    ) {
        observer?.observe(
            IdempotencyEvent(kind, key, state: state, attempt: attempt, duration: duration, error: error)
        )
    }

    /// What is known of a record that was found or written.
    func report(
        _ kind: IdempotencyEvent.Kind,
        _ key: IdempotencyKey,
        _ stored: StoredRecord?,
        duration: Duration? = nil,
        error: (any Error)? = nil
    ) {
        guard isObserved else { return }
        let attempt = stored?.record.attempt ?? 0
        report(kind, key, stored?.state, attempt: attempt, duration: duration, error: error)
    }

    /// A call to the store threw.
    func report(_ error: any Error, of key: IdempotencyKey) {
        let isBroken = (error as? IdempotencyError)?.code == .brokenStore
        report(isBroken ? .storeBroken : .storeFailed, key, nil, attempt: 0, error: error)
    }
}
