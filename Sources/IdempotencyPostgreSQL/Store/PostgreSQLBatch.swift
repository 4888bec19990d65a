#if PostgreSQL
internal import Idempotency
internal import IdempotencySQL

/// Calls that travel together, each key once, and what is still to be done for them.
///
/// A round is one message to the server and one transaction; a call that was too slow in it, because another connection
/// changed its key meanwhile, takes part in the next one.
@available(Idempotency 0.1, *)
struct PostgreSQLBatch {
    private enum Step {
        /// What is there? If nothing is, whoever claims goes on.
        case look
        /// Write, unless something is there.
        case claim
        /// Write over this version, which has expired.
        case replace(Int64)
        case update(over: Int64)
        case remove(Int64)
        /// A write over a version failed: what is there?
        case lookAfter(Int64)
        /// Nothing is there, and nothing was to be removed: only a version is missing.
        case version
    }

    private struct Work {
        var slot: PostgreSQLSlot
        var step: Step
        /// How often a write has left the row out although its version was the expected one.
        var misses = 0
    }

    private var open: [Work]
    /// Whether rows that another transaction has locked are left out, because one was met.
    private(set) var skipsLocked: Bool
    private(set) var changed: [(key: IdempotencyKey, isAwaited: Bool)] = []
    /// How many keys were claimed, and how many that somebody wanted to claim were taken.
    private(set) var claims = (made: 0, refused: 0)
    /// Calls of keys whose rows another transaction has locked.
    private(set) var locked: [PostgreSQLJob] = []
    /// What is known, and not yet told.
    private var answers: [(job: PostgreSQLJob, result: Result<PostgreSQLJob.Answer, any Error>)] = []

    /// More rounds than anybody needs who is not held up on purpose.
    private static let rounds = 20

    /// - Parameters:
    ///   - jobs: The calls, in the order in which they came.
    ///   - looksFirst: Whether a claim begins with a look: cheaper if most keys are there.
    init(_ jobs: [PostgreSQLJob], looksFirst: Bool) {
        open = PostgreSQLSlot.slots(for: jobs).map { Work(slot: $0, step: Self.firstStep(of: $0, looksFirst)) }
        skipsLocked = jobs.contains(where: \.wasLocked)
    }

    private init(_ works: ArraySlice<Work>, skipsLocked: Bool) {
        open = Array(works)
        self.skipsLocked = skipsLocked
    }

    /// Leaves out, from now on, rows that another transaction has locked.
    mutating func skipLocked() { skipsLocked = true }

    private static func firstStep(of slot: PostgreSQLSlot, _ looksFirst: Bool) -> Step {
        switch slot.jobs[0].request {
        case .load, .claim, .removeNothing: looksFirst || slot.claim == nil ? .look : .claim
        case .update(_, let version): .update(over: version)
        case .remove(let version): .remove(version)
        }
    }

    /// How many keys are not answered yet.
    var count: Int { open.count }

    /// The same in two parts.
    func halves() -> [PostgreSQLBatch] {
        [open[..<(open.count / 2)], open[(open.count / 2)...]].map { PostgreSQLBatch($0, skipsLocked: skipsLocked) }
    }

    /// Leaves what is still open for later: another transaction has locked its row.
    mutating func setAside() {
        for work in open { locked += work.slot.jobs }
        open = []
    }

    func fail(_ error: any Error) {
        for work in open { for job in work.slot.jobs { job.answer(.failure(error)) } }
    }

    /// Does it all. What is answered is durable.
    ///
    /// - Throws: ``PostgreSQLFailure``; what is not answered by then is still open, and unless the connection is lost, not done.
    mutating func run(
        _ statements: PostgreSQLStatements,
        grace: Int64,
        send: ([PostgreSQLConnection.Command]) throws(PostgreSQLFailure) -> [PostgreSQLRows],
        onChange: ([IdempotencyKey]) -> Void
    ) throws(PostgreSQLFailure) {
        for _ in 1...Self.rounds {
            if open.isEmpty { return }
            let before = changed.count
            try round(statements, grace, send)
            if changed.count > before { onChange(changed[before...].map(\.key)) }
        }
        fail(PostgreSQLErrors.contention)
        open = []
    }

    private mutating func round(
        _ statements: PostgreSQLStatements,
        _ grace: Int64,
        _ send: ([PostgreSQLConnection.Command]) throws(PostgreSQLFailure) -> [PostgreSQLRows]
    ) throws(PostgreSQLFailure) {
        var (looks, claims, replacements, updates): ([Work], [Work], [Work], [Work]) = ([], [], [], [])
        var (removals, versions): ([Work], [Work]) = ([], [])
        for work in open {
            switch work.step {
            case .look, .lookAfter: looks.append(work)
            case .claim: claims.append(work)
            case .replace: replacements.append(work)
            case .update: updates.append(work)
            case .remove: removals.append(work)
            case .version: versions.append(work)
            }
        }
        var commands: [PostgreSQLConnection.Command] = []
        func add(_ works: [Work], _ text: (PostgreSQLCalls) -> String, _ columns: ([Work]) -> [PostgreSQLArray]) {
            if works.isEmpty { return }
            // A single call goes by plain values.
            let isOne = works.count == 1
            let sql = text(isOne ? statements.one : statements.many)
            commands.append(.init(sql: sql, parameters: columns(works).map { isOne ? .element(of: $0) : .array($0) }))
        }
        add(looks, \.look, Self.lookColumns)
        add(claims, \.claim, Self.claimColumns)
        add(replacements, skipsLocked ? \.replaceUnlocked : \.replace, Self.writeColumns)
        add(updates, skipsLocked ? \.updateUnlocked : \.update, Self.writeColumns)
        if !removals.isEmpty {
            let parameters = Self.removeColumns(removals).map { PostgreSQLParameter.array($0) } + [.integer(grace)]
            commands.append(.init(sql: statements.remove, parameters: parameters))
        }
        if !versions.isEmpty {
            let count = versions.reduce(0) { $0 + $1.slot.jobs.count }
            commands.append(.init(sql: statements.nextVersion, parameters: [.integer(Int64(count))]))
        }
        var replies = try send(commands).makeIterator()
        open = []
        if !looks.isEmpty, let rows = replies.next() { finish(looks: looks, rows) }
        if !claims.isEmpty, let rows = replies.next() { finish(claims: claims, rows) }
        for works in [replacements, updates, removals] where !works.isEmpty {
            if let rows = replies.next() { finish(writes: works, rows) }
        }
        if !versions.isEmpty, let rows = replies.next() {
            for (row, job) in versions.flatMap(\.slot.jobs).enumerated() { tell(job, stored: rows.integer(row, 0)) }
        }
        // All at once: the threads that they go on with are woken once.
        for (job, result) in answers { job.answer(result) }
        answers.removeAll(keepingCapacity: true)
    }

    private mutating func tell(_ job: PostgreSQLJob, stored version: Int64) {
        answers.append((job, .success(.changed(.stored(RecordVersion(rawValue: UInt64(bitPattern: version)))))))
    }

    private mutating func tell(_ jobs: [PostgreSQLJob], found record: StoredRecord?) {
        for job in jobs { answers.append((job, .success(job.whenFound(record)))) }
    }

    // MARK: Asking

    private static func lookColumns(_ works: [Work]) -> [PostgreSQLArray] {
        [
            PostgreSQLArray(.text, of: works) { $0.append($1.slot.key.scope.text) },
            PostgreSQLArray(.text, of: works) { $0.append(valueOf: $1.slot.key) },
        ]
    }

    private static func claimColumns(_ works: [Work]) -> [PostgreSQLArray] {
        let claims = works.compactMap { work in work.slot.claim.map { (key: work.slot.key, columns: $0) } }
        return [
            PostgreSQLArray(.text, of: claims) { $0.append($1.key.scope.text) },
            PostgreSQLArray(.text, of: claims) { $0.append(valueOf: $1.key) },
            PostgreSQLArray(.text, of: claims) { $0.append($1.key.scope.operation) },
            PostgreSQLArray(.text, of: claims) { $0.append($1.key.scope.tenant) },
            PostgreSQLArray(.text, of: claims) { $0.append($1.key.scope.principal) },
            PostgreSQLArray(.text, of: claims) { $0.append($1.columns.state) },
            PostgreSQLArray(.integer, of: claims) { $0.append($1.columns.attempt) },
            PostgreSQLArray(.integer, of: claims) { $0.append($1.columns.held) },
            PostgreSQLArray(.integer, of: claims) { $0.append($1.columns.kept) },
            PostgreSQLArray(.bytes, of: claims) { $0.append($1.columns.record) },
        ]
    }

    /// Of an update or a replacement.
    private static func writeColumns(_ works: [Work]) -> [PostgreSQLArray] {
        let writes = works.compactMap(write)
        return [
            PostgreSQLArray(.text, of: writes) { $0.append($1.key.scope.text) },
            PostgreSQLArray(.text, of: writes) { $0.append(valueOf: $1.key) },
            PostgreSQLArray(.integer, of: writes) { $0.append($1.version) },
            PostgreSQLArray(.text, of: writes) { $0.append($1.columns.state) },
            PostgreSQLArray(.integer, of: writes) { $0.append($1.columns.attempt) },
            PostgreSQLArray(.integer, of: writes) { $0.append($1.columns.held) },
            PostgreSQLArray(.integer, of: writes) { $0.append($1.columns.kept) },
            PostgreSQLArray(.bytes, of: writes) { $0.append($1.columns.record) },
        ]
    }

    private static func write(of work: Work) -> (key: IdempotencyKey, columns: RecordColumns, version: Int64)? {
        switch work.step {
        case .replace(let version): work.slot.claim.map { (work.slot.key, $0, version) }
        case .update(let version):
            if case .update(let columns, _) = work.slot.jobs[0].request {
                (work.slot.key, columns, version)
            } else {
                nil
            }
        case .look, .claim, .remove, .lookAfter, .version: nil
        }
    }

    private static func removeColumns(_ works: [Work]) -> [PostgreSQLArray] {
        let removals = works.compactMap { work in
            if case .remove(let version) = work.step { (key: work.slot.key, version: version) } else { nil }
        }
        return [
            PostgreSQLArray(.text, of: removals) { $0.append($1.key.scope.text) },
            PostgreSQLArray(.text, of: removals) { $0.append(valueOf: $1.key) },
            PostgreSQLArray(.integer, of: removals) { $0.append($1.version) },
        ]
    }

    // MARK: Reading the answers

    private mutating func finish(looks: [Work], _ rows: PostgreSQLRows) {
        var isFound = [Bool](repeating: false, count: looks.count)
        for row in 0..<rows.count {
            let index = Int(rows.integer(row, 0)) - 1
            isFound[index] = true
            let found = Result { try Self.stored(rows, row) }
            switch found {
            case .success(nil): finish(looks[index], expired: rows.integer(row, 1))
            case .success(let record?): finish(looks[index], record)
            case .failure(let error): for job in looks[index].slot.jobs { answers.append((job, .failure(error))) }
            }
        }
        for (index, work) in looks.enumerated() where !isFound[index] { finish(work, expired: nil) }
    }

    private mutating func finish(_ work: Work, _ record: StoredRecord) {
        if case .lookAfter(let version) = work.step, record.version.rawValue == UInt64(bitPattern: version) {
            // Another transaction had it locked; or the clock was set back meanwhile, and it is there again.
            miss(work, Self.firstStep(of: work.slot, true))
        } else {
            if work.slot.claim != nil { claims.refused += 1 }
            tell(work.slot.jobs, found: record)
        }
    }

    /// A write has left out the row that it was meant for: it is tried once more at once, and then later.
    private mutating func miss(_ work: Work, _ step: Step) {
        if work.misses == 0 {
            open.append(Work(slot: work.slot, step: step, misses: 1))
        } else {
            locked += work.slot.jobs
        }
    }

    /// Nothing was found, or what has expired.
    private mutating func finish(_ work: Work, expired version: Int64?) {
        if case .lookAfter = work.step {
            tell(work.slot.jobs, found: nil)
        } else if work.slot.claim != nil {
            guard let version else { return open.append(Work(slot: work.slot, step: .claim)) }
            if work.misses > 1 {
                locked += work.slot.jobs
            } else {
                open.append(Work(slot: work.slot, step: .replace(version), misses: work.misses))
            }
        } else {
            let (loads, removals) = work.slot.absent()
            tell(loads, found: nil)
            if let removals { open.append(Work(slot: removals, step: .version)) }
        }
    }

    private mutating func finish(claims works: [Work], _ rows: PostgreSQLRows) {
        var isMade = [Bool](repeating: false, count: works.count)
        var next = 0
        for row in 0..<rows.count {
            // They come in the order in which they were sent.
            let (scope, value) = (rows.raw(row, 0), rows.raw(row, 1))
            for _ in works {
                defer { next = (next + 1) % works.count }
                let key = works[next].slot.key
                guard Self.isValue(value, of: key), scope.elementsEqual(key.scope.text.utf8) else { continue }
                isMade[next] = true
                finish(works[next], claimed: rows.integer(row, 2), isAwaited: rows.boolean(row, 3))
                break
            }
        }
        for (index, work) in works.enumerated() where !isMade[index] {
            open.append(Work(slot: work.slot, step: .look))
        }
    }

    private static func isValue(_ bytes: UnsafeRawBufferPointer, of key: IdempotencyKey) -> Bool {
        var isEqual = false
        key.withValueBytes { isEqual = bytes.elementsEqual($0) }
        return isEqual
    }

    private mutating func finish(_ work: Work, claimed version: Int64, isAwaited: Bool) {
        claims.made += 1
        changed.append((work.slot.key, isAwaited))
        guard let (job, rest) = work.slot.claimed() else { return }
        tell(job, stored: version)
        if let rest { open.append(Work(slot: rest, step: .look)) }
    }

    private mutating func finish(writes: [Work], _ rows: PostgreSQLRows) {
        var isMade = [Bool](repeating: false, count: writes.count)
        for row in 0..<rows.count {
            let index = Int(rows.integer(row, 0)) - 1
            isMade[index] = true
            let (version, isAwaited) = (rows.integer(row, 1), rows.boolean(row, 2))
            if case .replace = writes[index].step {
                finish(writes[index], claimed: version, isAwaited: isAwaited)
            } else {
                changed.append((writes[index].slot.key, isAwaited))
                for job in writes[index].slot.jobs { tell(job, stored: version) }
            }
        }
        for (index, work) in writes.enumerated() where !isMade[index] {
            switch work.step {
            case .replace: open.append(Work(slot: work.slot, step: .look, misses: work.misses + 1))
            case .update(let version), .remove(let version):
                open.append(Work(slot: work.slot, step: .lookAfter(version), misses: work.misses))
            case .look, .lookAfter, .claim, .version: break
            }
        }
    }

    private static func stored(_ rows: PostgreSQLRows, _ row: Int) throws -> StoredRecord? {
        try RecordColumns.stored(
            record: rows.bytes(row, 5),
            version: rows.integer(row, 1),
            heldUntil: rows.integer(row, 2),
            expiresAt: rows.integer(row, 3),
            now: rows.integer(row, 4)
        )
    }
}
#endif
