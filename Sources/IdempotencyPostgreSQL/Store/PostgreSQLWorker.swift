#if PostgreSQL
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL
import Synchronization

/// Gathers what many callers ask of a database, and sends together what waits together: a message, a transaction and a flush
/// serve all of them.
@available(Idempotency 0.1, *)
final class PostgreSQLWorker: Sendable {
    /// What every call looks at: only ever locked for a few instructions, or callers would keep each other.
    private struct State {
        /// Calls that no connection has seen yet.
        var arrivals: [PostgreSQLJob] = []
        /// How many calls wait in the queue, and how many are under way.
        var queued = 0
        var underWay = 0
        var lanes: [LaneState]
        /// How many batches are done, and whether somebody looks that there are more.
        var batches = 0
        var isWatched = false
        /// Whether most keys that were to be claimed lately were there already.
        var looksFirst = false
        var isClosed = false

        var waiting: Int { arrivals.count + queued }
    }

    private struct LaneState {
        var isAtWork = false
        var isConnected = false
        /// How many have to wait before it goes on; it sleeps until then, or until its patience is over.
        var awaited: Int?
        /// Until when no connection is tried, and why.
        var pause: (end: CallDeadline, error: any Error)?
        var backoff = ReconnectBackoff()
    }

    /// How many calls may wait. More are refused, rather than kept for longer than their callers are there.
    static let capacity = 100_000
    /// How many keys share a message, at most.
    private static let batchSize = 128
    /// How many have to wait before another connection helps one that is at work: large messages cost less than many.
    private static let crowd = 16
    /// How long a connection waits for those that it has just answered to ask again.
    private static let patience = DispatchTimeInterval.microseconds(200)
    /// How long the first of those that wait may do so before another connection helps.
    private static let delay = DispatchTimeInterval.milliseconds(5)

    private let state: Mutex<State>
    /// For the connections alone, which hold it while they choose what goes next. Locked before ``state``.
    private let queue = Mutex(PostgreSQLQueue())
    private let watch = DispatchQueue(label: "idempotency.postgresql.watch", qos: .userInitiated)
    private let lanes: [PostgreSQLLane]
    private let lockTimeout: Duration

    /// - Parameters:
    ///   - grace: How long a row that is of no use stays, in microseconds.
    ///   - onChange: Told of the keys that a transaction changed, once it is committed.
    init(
        _ opener: PostgreSQLOpener,
        _ statements: PostgreSQLStatements,
        grace: Int64,
        onChange: @escaping @Sendable ([IdempotencyKey]) -> Void
    ) {
        let count = opener.options.connections
        lockTimeout = opener.options.lockTimeout
        lanes = (1...count).map { number in
            PostgreSQLLane(number, opener, statements, grace: grace, onChange: onChange)
        }
        state = Mutex(State(lanes: Array(repeating: LaneState(), count: count)))
    }

    /// Connects, so that what is wrong shows at once.
    func open() async throws {
        try await onQueue(0) { try self.connect(0) }
    }

    /// Does what is asked for, together with what else waits.
    nonisolated(nonsending) func ask(
        _ key: IdempotencyKey,
        _ request: PostgreSQLJob.Request
    ) async throws -> PostgreSQLJob.Answer {
        try await withUnsafeThrowingContinuation { add(PostgreSQLJob(key, request, $0)) }
    }

    private func add(_ job: PostgreSQLJob) {
        var lane: Int?
        var gathering: Int?
        var watched: Int?
        let refusal = state.withLock { state -> (any Error)? in
            if state.isClosed { return PostgreSQLErrors.closed }
            guard state.waiting < Self.capacity else { return PostgreSQLErrors.tooManyCalls }
            let isAtWork = state.lanes.contains(where: \.isAtWork)
            lane = isAtWork && state.waiting < Self.crowd ? nil : Self.freeLane(&state)
            if lane == nil, !isAtWork, let pause = state.lanes[0].pause { return pause.error }
            state.arrivals.append(job)
            let waiting = state.waiting
            gathering = state.lanes.firstIndex { $0.awaited.map { $0 <= waiting } ?? false }
            if let gathering { state.lanes[gathering].awaited = nil }
            if lane == nil, !state.isWatched, state.lanes.count > 1 {
                state.isWatched = true
                watched = state.batches
            }
            return nil
        }
        if let refusal { job.answer(.failure(refusal)) }
        if let gathering { lanes[gathering].callers.signal() }
        if let lane { start(lane) }
        if let watched { watch.asyncAfter(deadline: .now() + Self.delay) { self.look(since: watched) } }
    }

    /// Lets another connection help if none has come back to those that wait: one key that is locked holds up no other.
    private func look(since batches: Int) {
        let (lane, watched) = state.withLock { state -> (Int?, Int?) in
            state.isWatched = state.waiting > 0
            let lane = state.isWatched && state.batches == batches ? Self.freeLane(&state) : nil
            return (lane, state.isWatched ? state.batches : nil)
        }
        if let lane { start(lane) }
        if let watched { watch.asyncAfter(deadline: .now() + Self.delay) { self.look(since: watched) } }
    }

    /// Does something else, in a transaction of its own.
    func use<Value: Sendable>(_ body: @escaping @Sendable (PostgreSQLLane) throws -> Value) async throws -> Value {
        let number = lanes.count - 1
        return try await onQueue(number) {
            try self.connect(number)
            do {
                do {
                    return try body(self.lanes[number])
                } catch let failure as PostgreSQLFailure where failure.code == "25006" {
                    // Nothing was written. Another server may be the one that writes now.
                    try self.connect(number)
                    return try body(self.lanes[number])
                }
            } catch {
                throw PostgreSQLErrors.error(for: error)
            }
        }
    }

    /// Tells other processes of keys that a handler's transaction has changed.
    func announce(_ keys: [IdempotencyKey]) {
        let number = lanes.count - 1
        lanes[number].visit {
            if (try? self.connect(number)) != nil { self.lanes[number].notify(keys) }
        }
    }

    /// Ends what is under way and disconnects; what waits fails.
    func close() async {
        let waiting = queue.withLock { queue in
            state.withLock { state in
                state.isClosed = true
                return Self.removeAll(&queue, &state)
            }
        }
        for job in waiting { job.answer(.failure(PostgreSQLErrors.closed)) }
        for number in lanes.indices { try? await onQueue(number) { self.lanes[number].disconnect() } }
    }

    private func onQueue<Value: Sendable>(_ number: Int, _ body: @escaping @Sendable () throws -> Value) async throws
        -> Value
    {
        let answer = OneShot<Result<Value, any Error>>()
        lanes[number].visit { answer.fire(Result { try body() }) }
        return try await answer.value().get()
    }

    // MARK: Which connection works

    /// A connection that has nothing to do, and has not just failed; from now on it is at work.
    private static func freeLane(_ state: inout State) -> Int? {
        let free = state.lanes.indices.filter { index in
            let lane = state.lanes[index]
            return !lane.isAtWork && lane.pause?.end.isOver ?? true
        }
        guard let lane = free.first(where: { state.lanes[$0].isConnected }) ?? free.first else { return nil }
        state.lanes[lane].isAtWork = true
        return lane
    }

    private func start(_ number: Int, after lastCount: Int = 0) {
        lanes[number].queue.async { self.work(number, after: lastCount) }
    }

    private static func removeAll(_ queue: inout PostgreSQLQueue, _ state: inout State) -> [PostgreSQLJob] {
        defer { (state.arrivals, state.queued) = ([], 0) }
        return queue.removeAll() + state.arrivals
    }

    // MARK: On a lane's queue

    private func connect(_ number: Int) throws {
        if lanes[number].isConnected { return }
        if state.withLock({ $0.isClosed }) { throw PostgreSQLErrors.closed }
        do {
            try lanes[number].connect()
            state.withLock { state in
                state.lanes[number].isConnected = true
                state.lanes[number].pause = nil
                state.lanes[number].backoff.reset()
            }
        } catch {
            let error = PostgreSQLErrors.error(for: error, wasSent: false)
            state.withLock { state in
                state.lanes[number].isConnected = false
                let span = state.lanes[number].backoff.fail(.random(in: .min ... .max))
                state.lanes[number].pause = (CallDeadline(in: span), error)
            }
            throw error
        }
    }

    /// - Parameter lastCount: How many calls its last batch had.
    private func work(_ number: Int, after lastCount: Int) {
        var lastCount = lastCount
        while true {
            if lanes[number].hasGuests {
                start(number, after: lastCount)
                return
            }
            gather(number, lastCount)
            do {
                try connect(number)
            } catch {
                giveUp(number, error)
                return
            }
            guard let (jobs, looksFirst) = take(number) else { return }
            lastCount = jobs.count
            let outcome = lanes[number].work(PostgreSQLBatch(jobs, looksFirst: looksFirst))
            let claims = outcome.claims
            queue.withLock { $0.finish(jobs) }
            for job in outcome.locked { tryLater(job) }
            state.withLock { state in
                state.underWay -= jobs.count
                state.batches += 1
                if claims.made != claims.refused { state.looksFirst = claims.refused > claims.made }
            }
        }
    }

    /// Another transaction has locked the call's row: it is tried again a little later, and nobody waits for it meanwhile.
    private func tryLater(_ job: PostgreSQLJob) {
        job.noteLock()
        let age = job.age
        guard age < lockTimeout else { return job.answer(.failure(PostgreSQLErrors.locked)) }
        // A short lock is over soon; a long one is looked at seldom.
        let pause = min(max(age, .milliseconds(2)), .milliseconds(100), lockTimeout - age)
        watch.asyncAfter(deadline: .now() + .nanoseconds(Int(pause.nanoseconds))) { self.add(job) }
    }

    /// Those who were answered together ask again together, a moment later. To wait for them costs less than a message for the
    /// first few, and another one for the others.
    private func gather(_ number: Int, _ lastCount: Int) {
        // A few lose more by waiting.
        guard lastCount >= 8 else { return }
        let waits = state.withLock { state in
            let share = (state.waiting + state.underWay + lastCount) / state.lanes.count
            if state.waiting >= share { return false }
            state.lanes[number].awaited = share
            return true
        }
        if !waits || lanes[number].callers.wait(timeout: .now() + Self.patience) == .success { return }
        let isSignalled = state.withLock { state in
            defer { state.lanes[number].awaited = nil }
            return state.lanes[number].awaited == nil
        }
        if isSignalled { lanes[number].callers.wait() }
    }

    /// What a connection does next; `nil`: nothing, and it is not at work any more.
    private func take(_ number: Int) -> (jobs: [PostgreSQLJob], looksFirst: Bool)? {
        while true {
            var another: Int?
            defer { if let another { start(another) } }
            // Let go of each time: what is in the way of all that wait goes only when another connection has finished it.
            let (jobs, isOver) = queue.withLock { queue in
                let (arrivals, share) = state.withLock { state in
                    let arrivals = state.arrivals
                    state.arrivals = []
                    // Each has its part, so that one is busy while the other's callers are.
                    let count = arrivals.count + state.queued + state.underWay
                    return (arrivals, (count + state.lanes.count - 1) / state.lanes.count)
                }
                for job in arrivals { queue.append(job) }
                let jobs = queue.take(keys: min(max(share, Self.crowd), Self.batchSize))
                return state.withLock { state in
                    state.queued = queue.waiting
                    state.underWay += jobs.count
                    if state.waiting >= Self.crowd { another = Self.freeLane(&state) }
                    if !jobs.isEmpty || !state.arrivals.isEmpty { return (jobs, false) }
                    state.lanes[number].isAtWork = false
                    return (jobs, true)
                }
            }
            if isOver { return nil }
            if !jobs.isEmpty { return (jobs, state.withLock { $0.looksFirst }) }
        }
    }

    /// There is no connection. What waits is left to the others if one of them has one, and fails otherwise.
    private func giveUp(_ number: Int, _ error: any Error) {
        let (another, orphans) = queue.withLock { queue in
            state.withLock { state -> (Int?, [PostgreSQLJob]) in
                state.lanes[number].isAtWork = false
                state.lanes[number].isConnected = false
                if state.waiting == 0 { return (nil, []) }
                if state.lanes.contains(where: { $0.isAtWork && $0.isConnected }) { return (nil, []) }
                if let another = state.lanes.firstIndex(where: { $0.isConnected && !$0.isAtWork }) {
                    state.lanes[another].isAtWork = true
                    return (another, [])
                }
                return (nil, Self.removeAll(&queue, &state))
            }
        }
        if let another { start(another) }
        for job in orphans { job.answer(.failure(error)) }
    }
}
#endif
