import Synchronization

/// What all views of one interceptor share: the store, the flights, the keeper of leases. Holds all policy.
@available(Idempotency 0.1, *)
final class Engine: Sendable {
    let store: any IdempotencyStore
    let wakingStore: (any WakingIdempotencyStore)?
    let immediateStore: (any ImmediateIdempotencyStore)?
    let codec: any IdempotencyCodec
    let observer: (any IdempotencyObserver)?
    let runtime: IdempotencyRuntime
    let timers: Timers
    let flights: FlightTable
    let writer: RecordWriter
    let keeper: LeaseKeeper
    /// Names the store: the same key in another store is another matter.
    private let storeID: ObjectIdentifier
    let background: BackgroundWork
    let settler: Settler
    private let shutDown = Atomic(false)

    init(
        store: any IdempotencyStore,
        codec: any IdempotencyCodec,
        observer: (any IdempotencyObserver)?,
        runtime: IdempotencyRuntime
    ) {
        self.store = store
        self.wakingStore = store as? any WakingIdempotencyStore
        self.immediateStore = store as? any ImmediateIdempotencyStore
        self.codec = codec
        self.observer = observer
        self.runtime = runtime
        let timers = Timers(runtime)
        let storeID = type(of: store) is AnyClass ? ObjectIdentifier(store as AnyObject) : ObjectIdentifier(timers)
        let flights = FlightTable(runtime.random, storeID: storeID)
        let writer = RecordWriter(store: store, runtime: runtime, timers: timers, observer: observer)
        let background = BackgroundWork()
        self.background = background
        settler = Settler(runtime, timers: timers, background: background)
        self.timers = timers
        self.storeID = storeID
        self.flights = flights
        self.writer = writer
        keeper = LeaseKeeper(runtime, timers: timers, flights: flights) { run in await writer.renew(run) }
    }

    var isShutDown: Bool { shutDown.load(ordering: .relaxed) }

    func closeForNewClaims() {
        shutDown.store(true, ordering: .sequentiallyConsistent)
    }

    /// Whether a call of this key from inside these runs' handlers would wait for itself.
    func isBeingRun(_ key: IdempotencyKey, by enclosing: Run?) -> Bool {
        var run = enclosing
        while let current = run {
            let isSame = current.storeID == storeID && current.key == key
            if isSame, current.withState({ $0.isInProgress }) { return true }
            run = current.enclosing
        }
        return false
    }

    func report(
        _ kind: IdempotencyEvent.Kind,
        _ key: IdempotencyKey,
        attempt: Int = 0,
        duration: Duration? = nil,
        error: (any Error)? = nil
    ) {
        observer?.observe(
            IdempotencyEvent(kind, key.scope, attempt: attempt, duration: duration, error: error)
        )
    }
}
