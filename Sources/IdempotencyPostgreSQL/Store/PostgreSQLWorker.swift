#if PostgreSQL
internal import Dispatch
internal import Idempotency
internal import IdempotencySQL
import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Gathers what many callers ask of a database, and sends together what waits together: a message, a transaction and a flush
/// serve all of them.
@available(Idempotency 0.1, *)
final class PostgreSQLWorker: Sendable {
    private struct State {
        var urgent: [PostgreSQLJob] = []
        var others: [PostgreSQLJob] = []
        /// Keys that are under way: two batches never wait for each other's rows.
        var underWay: Set<IdempotencyKey> = []
        var lanes: [LaneState]
        /// How many batches are done, and whether somebody looks that there are more.
        var batches = 0
        var isWatched = false
        var isClosed = false

        var waiting: Int { urgent.count + others.count }
    }

    private struct LaneState {
        var isAtWork = false
        var isConnected = false
        /// Until when no connection is tried, and why.
        var pause: (end: PostgreSQLDeadline, error: any Error)?
    }

    /// How many calls may wait. More are refused, rather than kept for longer than their callers are there.
    static let capacity = 100_000
    /// How many keys share a message, and how many bytes about.
    private static let batchSize = 128
    private static let batchBytes = 4 << 20
    /// How many of those that wait are looked at for a batch.
    private static let sight = 1024

    /// How many have to wait before another connection helps one that is at work: large messages cost less than many.
    private static let crowd = 64
    /// How often a connection looks, some ten microseconds apart, whether more calls have come.
    private static let patience = 4
    /// How long the first of those that wait may do so before another connection helps.
    private static let delay = DispatchTimeInterval.milliseconds(5)

    private let state: Mutex<State>
    private let watch = DispatchQueue(label: "idempotency.postgresql.watch", qos: .userInitiated)
    private let lanes: [PostgreSQLLane]
    private let statements: PostgreSQLStatements
    private let opener: PostgreSQLOpener
    private let grace: Int64
    private let onChange: @Sendable ([IdempotencyKey]) -> Void

    /// - Parameters:
    ///   - grace: How long a row that is of no use stays, in microseconds.
    ///   - onChange: Told of the keys that a transaction changed, once it is committed.
    init(
        _ opener: PostgreSQLOpener,
        _ statements: PostgreSQLStatements,
        grace: Int64,
        onChange: @escaping @Sendable ([IdempotencyKey]) -> Void
    ) {
        self.opener = opener
        self.statements = statements
        self.grace = grace
        self.onChange = onChange
        lanes = (1...opener.options.connections).map { PostgreSQLLane($0, opener, statements) }
        state = Mutex(State(lanes: Array(repeating: LaneState(), count: opener.options.connections)))
    }

    /// Connects, so that what is wrong shows at once.
    func open() async throws {
        try await onQueue(0) { try self.connect(0) }
    }

    /// Does what is asked for, together with what else waits.
    func ask(_ job: PostgreSQLJob) async throws -> PostgreSQLJob.Answer {
        let (lane, watched) = try state.withLock { state -> (Int?, Int?) in
            if state.isClosed { throw PostgreSQLErrors.closed }
            guard state.waiting < Self.capacity else { throw PostgreSQLErrors.tooManyCalls }
            let isAtWork = state.lanes.contains(where: \.isAtWork)
            let lane = isAtWork && state.waiting < Self.crowd ? nil : Self.freeLane(&state)
            if lane == nil, !isAtWork, let pause = state.lanes[0].pause { throw pause.error }
            if job.isUrgent { state.urgent.append(job) } else { state.others.append(job) }
            if lane != nil || state.isWatched || state.lanes.count == 1 { return (lane, nil) }
            state.isWatched = true
            return (nil, state.batches)
        }
        if let lane { start(lane) }
        if let watched { watch.asyncAfter(deadline: .now() + Self.delay) { self.look(since: watched) } }
        return try await job.wait()
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
                return try body(self.lanes[number])
            } catch {
                throw PostgreSQLErrors.error(for: error)
            }
        }
    }

    /// Ends what is under way and disconnects; what waits fails.
    func close() async {
        let waiting = state.withLock { state in
            state.isClosed = true
            defer { (state.urgent, state.others) = ([], []) }
            return state.urgent + state.others
        }
        for job in waiting { job.fail(PostgreSQLErrors.closed) }
        for number in lanes.indices { try? await disconnect(number) }
    }

    private func disconnect(_ number: Int) async throws {
        let answer = OneShot<Void>()
        lanes[number].queue.async {
            self.lanes[number].disconnect()
            answer.fire(())
        }
        await answer.value()
    }

    private func onQueue<Value: Sendable>(_ number: Int, _ body: @escaping @Sendable () throws -> Value) async throws
        -> Value
    {
        let answer = OneShot<Result<Value, any Error>>()
        lanes[number].queue.async { answer.fire(Result { try body() }) }
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

    private func start(_ number: Int) {
        lanes[number].queue.async { self.work(number) }
    }

    // MARK: On a lane's queue

    private func connect(_ number: Int) throws {
        if state.withLock({ $0.isClosed }) { throw PostgreSQLErrors.closed }
        do {
            try lanes[number].connect()
            state.withLock { state in
                state.lanes[number].isConnected = true
                state.lanes[number].pause = nil
            }
        } catch {
            let error = PostgreSQLErrors.error(for: error, wasSent: false)
            let pause = PostgreSQLDeadline(in: lanes[number].pause)
            state.withLock { state in
                state.lanes[number].isConnected = false
                state.lanes[number].pause = (pause, error)
            }
            throw error
        }
    }

    private func work(_ number: Int) {
        var lastCount = 0
        while true {
            gather(lastCount)
            do {
                try connect(number)
            } catch {
                giveUp(number, error)
                return
            }
            let slots = state.withLock { state in
                let slots = Self.take(&state)
                if slots.isEmpty { state.lanes[number].isAtWork = false }
                return slots
            }
            if slots.isEmpty { return }
            lastCount = slots.count
            work(PostgreSQLBatch(slots), lanes[number])
            let another = state.withLock { state -> Int? in
                for slot in slots { state.underWay.remove(slot.key) }
                state.batches += 1
                // This one goes on anyway.
                return state.waiting < Self.crowd ? nil : Self.freeLane(&state)
            }
            if let another { start(another) }
        }
    }

    /// Those who were answered together ask again together, a moment later. To wait for them costs less than a message for the
    /// first few, and another one for the others.
    private func gather(_ lastCount: Int) {
        // A few lose more by waiting.
        guard lastCount >= 8 else { return }
        for _ in 0..<Self.patience {
            if state.withLock({ $0.waiting }) * 2 >= lastCount { return }
            usleep(20)
        }
    }

    /// There is no connection. What waits is left to the others if one of them has one, and fails otherwise.
    private func giveUp(_ number: Int, _ error: any Error) {
        let (another, orphans) = state.withLock { state -> (Int?, [PostgreSQLJob]) in
            state.lanes[number].isAtWork = false
            state.lanes[number].isConnected = false
            if state.waiting == 0 { return (nil, []) }
            if state.lanes.contains(where: { $0.isAtWork && $0.isConnected }) { return (nil, []) }
            if let another = state.lanes.indices.first(where: {
                state.lanes[$0].isConnected && !state.lanes[$0].isAtWork
            }) {
                state.lanes[another].isAtWork = true
                return (another, [])
            }
            defer { (state.urgent, state.others) = ([], []) }
            return (nil, state.urgent + state.others)
        }
        if let another { start(another) }
        for job in orphans { job.fail(error) }
    }

    /// What goes next: finishes and renewals first, each key once, none that is under way.
    private static func take(_ state: inout State) -> [PostgreSQLSlot] {
        var slots: [PostgreSQLSlot] = []
        var places: [IdempotencyKey: Int] = [:]
        var bytes = 0
        func take(_ jobs: inout [PostgreSQLJob]) {
            var left: [PostgreSQLJob] = []
            var seen = 0
            for job in jobs.prefix(sight) {
                if slots.count == batchSize || bytes > batchBytes { break }
                seen += 1
                if state.underWay.contains(job.key) {
                    left.append(job)
                } else if let place = places[job.key] {
                    if !slots[place].join(job) { left.append(job) } else { bytes += job.size }
                } else {
                    places[job.key] = slots.count
                    slots.append(PostgreSQLSlot(job))
                    bytes += job.size
                }
            }
            jobs.replaceSubrange(0..<seen, with: left)
        }
        var (urgent, others) = (state.urgent, state.others)
        (state.urgent, state.others) = ([], [])
        take(&urgent)
        take(&others)
        (state.urgent, state.others) = (urgent, others)
        state.underWay.formUnion(slots.map(\.key))
        return slots
    }

    private func work(_ batch: PostgreSQLBatch, _ lane: PostgreSQLLane) {
        let end = PostgreSQLDeadline(in: opener.options.statementTimeout * 2)
        work(batch, lane, by: end)
    }

    private func work(_ batch: PostgreSQLBatch, _ lane: PostgreSQLLane, by end: PostgreSQLDeadline) {
        var batch = batch
        var repeats = 0
        defer { notify(batch.changed, lane) }
        while true {
            do {
                try batch.run(statements, grace: grace, send: lane.send, onChange: onChange)
                return
            } catch {
                if error.mayBeRepeated, repeats < 5, !end.isOver {
                    repeats += 1
                } else if error.isAboutOneCall, batch.count > 1, !end.isOver {
                    for single in batch.split() { work(single, lane, by: end) }
                    return
                } else {
                    batch.fail(PostgreSQLErrors.error(for: error))
                    return
                }
            }
        }
    }

    /// Tells other processes of keys that a handler's transaction has changed.
    func announce(_ keys: [IdempotencyKey]) {
        let number = lanes.count - 1
        lanes[number].queue.async {
            guard (try? self.connect(number)) != nil else { return }
            self.notify(keys.map { ($0, true) }, self.lanes[number])
        }
    }

    /// Tells other processes of keys that somebody waits for.
    private func notify(_ changed: [(key: IdempotencyKey, isAwaited: Bool)], _ lane: PostgreSQLLane) {
        let keys = changed.filter(\.isAwaited).map(\.key)
        if keys.isEmpty || !opener.options.preparesStatements { return }
        var references = PostgreSQLArray(.text)
        for key in keys { references.append(key.reference) }
        // A hint: whoever waits polls underneath.
        _ = try? lane.send([.init(sql: statements.notify, parameters: [.array(references)])])
    }
}
#endif
