import Synchronization

/// What all views of one interceptor share: the store, the flights, the keeper of leases. Holds all policy.
@available(Idempotency 0.1, *)
package final class Engine: Sendable {
    let store: CheckedStore
    let wakingStore: (any WakingIdempotencyStore)?
    let immediateStore: (any ImmediateIdempotencyStore)?
    let codec: any IdempotencyCodec
    let events: EventReporter
    let runtime: IdempotencyRuntime
    let timers: Timers
    let flights: FlightTable
    let writer: RecordWriter
    let keeper: LeaseKeeper
    /// Names the store: the same key in another store is another matter.
    private let storeID: ObjectIdentifier
    let background: BackgroundWork
    let lateWriter: LateWriter
    private let shutDown = Atomic(false)

    init(
        store: any IdempotencyStore,
        codec: any IdempotencyCodec,
        observer: (any IdempotencyObserver)?,
        runtime: IdempotencyRuntime
    ) {
        let checkedStore = CheckedStore(store)
        let events = EventReporter(observer)
        self.store = checkedStore
        self.wakingStore = store as? any WakingIdempotencyStore
        self.immediateStore = store as? any ImmediateIdempotencyStore
        self.codec = codec
        self.events = events
        self.runtime = runtime
        let timers = Timers(runtime)
        let storeID = type(of: store) is AnyClass ? ObjectIdentifier(store as AnyObject) : ObjectIdentifier(timers)
        let flights = FlightTable(runtime.random, storeID: storeID)
        let writer = RecordWriter(store: checkedStore, runtime: runtime, timers: timers, events: events)
        let background = BackgroundWork()
        self.background = background
        lateWriter = LateWriter(runtime, timers: timers, background: background)
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
}
