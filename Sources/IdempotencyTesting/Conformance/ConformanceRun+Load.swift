internal import Idempotency
import Synchronization

/// Nobody's call waits for another key's.
@available(Idempotency 0.1, *)
extension ConformanceRun {
    /// The lease of the runs that have to go on.
    private var loadLease: Duration { tick * 25 }

    func leasesHoldInAFlood() async throws {
        guard let load = subject.load else { return }
        let count = try await floodSize(load)
        try await keepLeases { bystander in try await flood(count, until: bystander) }
    }

    func leasesHoldBesideHeldKeys() async throws {
        guard let load = subject.load, let holdUp = load.holdUp else { return }
        let held = try await claimed(80)
        try await holdUp(held.map(\.key)) {
            try await keepLeases { _ in
                // They are answered once the keys are free, or refused before: either is right.
                for (key, version) in held { askInBackground(key, over: version) }
            }
        }
    }

    func leasesHoldBesideOperators() async throws {
        guard let store = store as? any ListableIdempotencyStore else { return }
        try await together(3000) { number in
            try await write(finished(retention: .microseconds(1)), key("expired-\(number)"), "an expired record")
        }
        try await keepLeases { bystander in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        while !bystander.isDone {
                            var cursor: RecordCursor?
                            repeat {
                                let page = try await store.list(RecordQuery(), after: cursor, limit: 1000)
                                cursor = page.next
                                // A store that waits for nothing would keep its thread from everybody else.
                                await Task.yield()
                            } while cursor != nil && !bystander.isDone
                        }
                    }
                }
                group.addTask {
                    while !bystander.isDone {
                        _ = try await store.purge(limit: 1000)
                        try await Task.sleep(for: tick / 20)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    func waitersAreAnsweredInTime() async throws {
        guard let load = subject.load else { return }
        let count = try await floodSize(load)
        let waited = tick * 10
        let policy = try OperationPolicy(lease: tick * 500, waitLimit: waited)
        let interceptor = IdempotencyInterceptor(store: store, policy: policy)
        let taken = try await claimed(20, lease: tick * 500)
        try await beside { bystander in
            // Until then the store has told everybody that there is something to wait for.
            try await subject.advanceTime(tick * 2)
            try await flood(count, until: bystander)
        } _: { bystander in
            let slowest = Mutex(Duration.zero)
            try await together(taken.count) { number in
                let began = ContinuousClock.now
                let outcome = try await interceptor.outcome(key: taken[number].key) { _ in 1 }
                let elapsed = began.duration(to: .now)
                slowest.withLock { $0 = max($0, elapsed) }
                guard case .inProgress = outcome else {
                    throw ConformanceViolation(
                        check: check,
                        message: "whoever waits for a run that goes on was told otherwise",
                        dependsOnTime: false
                    )
                }
            }
            try judge(
                slowest.withLock { $0 } - waited,
                atMost: max(tick * 5 / 4, .milliseconds(250)),
                bystander,
                "a waiter was answered too late, by"
            )
        }
    }

    func callsOfHeldKeysEnd() async throws {
        guard let load = subject.load, let holdUp = load.holdUp, let limit = load.callLimit else { return }
        let held = try await claimed(80)
        try await holdUp(held.map(\.key)) {
            try await beside { _ in
            } _: { bystander in
                let began = ContinuousClock.now
                // One that does not end would keep the check from its end, if that waited for it.
                for (key, version) in held { askInBackground(key, over: version) { bystander.noteEnd() } }
                let latest = limit + tick * 5
                while bystander.ends < held.count, began.duration(to: .now) <= latest {
                    try await subject.advanceTime(tick / 4)
                }
                let elapsed = bystander.ends == held.count ? .zero : began.duration(to: .now)
                try judge(elapsed, atMost: latest, bystander, "a call of a key that is held up goes on after")
            }
        }
    }

    // MARK: Parts

    /// Renews the claims of some keys, and finishes them, beside something else.
    private func keepLeases(beside load: @escaping @Sendable (LoadBystander) async throws -> Void) async throws {
        let span = loadLease
        let runs = try await claimed(4, lease: span)
        try await beside(load) { bystander in
            let slowest = Mutex(Duration.zero)
            try await together(runs.count) { number in
                let (key, first) = runs[number]
                var version = first
                let began = ContinuousClock.now
                repeat {
                    let asked = ContinuousClock.now
                    version = try await write(claim(lease: span), key, over: version, "a renewal under load")
                    let elapsed = asked.duration(to: .now)
                    slowest.withLock { $0 = max($0, elapsed) }
                    try await subject.advanceTime(span / 10)
                } while began.duration(to: .now) < span
                let asked = ContinuousClock.now
                try await write(finished(), key, over: version, "a finish under load")
                let elapsed = asked.duration(to: .now)
                slowest.withLock { $0 = max($0, elapsed) }
            }
            try judge(slowest.withLock { $0 }, atMost: span / 4, bystander, "a renewal or a finish took")
        }
    }

    /// Does something while something else goes on, which is told when to end.
    private func beside(
        _ load: @escaping @Sendable (LoadBystander) async throws -> Void,
        _ body: (LoadBystander) async throws -> Void
    ) async throws {
        let bystander = LoadBystander()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await bystander.look(every: tick / 10) }
            group.addTask { try await load(bystander) }
            do {
                defer { bystander.end() }
                try await body(bystander)
            }
            try await group.waitForAll()
        }
    }

    /// - Throws: A violation if a span is too long; or, if the machine may have made it so, that it is inconclusive.
    private func judge(
        _ span: Duration,
        atMost limit: Duration,
        _ bystander: LoadBystander,
        _ what: String
    ) throws {
        if span <= limit { return }
        let violation = ConformanceViolation(
            check: check,
            message: "\(what) \(span), and has \(limit)",
            dependsOnTime: false
        )
        // The standard limits are fractions of a second at least; what takes a quarter of one from everybody is not the store.
        if bystander.latest > min(limit, tick) / 4 {
            throw InconclusiveConformance(violation: violation, elapsed: bystander.latest, tick: tick)
        }
        throw violation
    }

    /// How many calls make a flood: ten times what the store answers within a lease.
    private func floodSize(_ load: ConformanceLoad) async throws -> Int {
        let answered = Mutex(0)
        try await beside { bystander in
            try await together(64) { number in
                var round = 0
                while !bystander.isDone {
                    let key = try key("rate-\(number)-\(round)")
                    round += 1
                    _ = try await remove(key, over: try await write(claim(), key, "a claim"))
                    answered.withLock { $0 += 2 }
                    await Task.yield()
                }
            }
        } _: { _ in
            try await subject.advanceTime(tick * 2)
        }
        return min(load.maximumCalls, max(64, answered.withLock { $0 } * 10 * 25 / 2))
    }

    /// Claims fresh keys and removes them, so many at once. What the store refuses, since it has no room for more calls, is asked
    /// again after some time.
    private func flood(_ count: Int, until bystander: LoadBystander) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count where !bystander.isDone {
                group.addTask {
                    var round = 0
                    while !bystander.isDone {
                        let key = try key("flood-\(number)-\(round)")
                        round += 1
                        do {
                            let answer = try await store.checkAndSet(key, expecting: nil, .write(claim()))
                            guard case .stored(let version) = answer, !bystander.isDone else { return }
                            _ = try await store.checkAndSet(key, expecting: version, .remove)
                        } catch {
                            try await Task.sleep(for: tick)
                        }
                        await Task.yield()
                    }
                }
                if number.isMultiple(of: 256) { try await Task.sleep(for: .milliseconds(1)) }
            }
            try await group.waitForAll()
        }
    }

    /// Writes over a version, in a task that nobody waits for.
    private func askInBackground(
        _ key: IdempotencyKey,
        over version: RecordVersion,
        ended: @escaping @Sendable () -> Void = {}
    ) {
        Task {
            _ = try? await store.checkAndSet(key, expecting: version, .write(claim()))
            ended()
        }
    }

    /// Fresh keys with a claim each.
    private func claimed(
        _ count: Int,
        lease: Duration? = nil
    ) async throws -> [(key: IdempotencyKey, version: RecordVersion)] {
        var claims: [(key: IdempotencyKey, version: RecordVersion)] = []
        for number in 0..<count {
            let key = try key("claimed-\(lease == nil ? "held" : "running")-\(number)")
            claims.append((key, try await write(claim(lease: lease ?? tick * 500), key, "a claim")))
        }
        return claims
    }

    private func together(_ count: Int, _ body: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<count {
                // Not more of them at once than the store is asked by many callers.
                if number >= 128 { try await group.next() }
                group.addTask { try await body(number) }
            }
            try await group.waitForAll()
        }
    }
}
