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
        /// Look, and write if nothing is there and somebody claims.
        case look
        case update(PostgreSQLJob.Columns, over: Int64)
        case remove(Int64)
        /// A write over a version failed: what is there?
        case lookAfter(Int64)
        /// Nothing is there, and nothing was to be removed: only a version is missing.
        case version
    }

    private struct Work {
        var slot: PostgreSQLSlot
        var step: Step
    }

    private var open: [Work]
    private(set) var changed: [(key: IdempotencyKey, isAwaited: Bool)] = []

    /// More rounds than anybody needs who is not held up on purpose.
    private static let rounds = 20

    init(_ slots: [PostgreSQLSlot]) {
        // The same order everywhere, so that two batches never wait for each other.
        open = slots.map { Work(slot: $0, step: Self.firstStep(of: $0)) }.sorted {
            Self.precedes($0.slot.key, $1.slot.key)
        }
    }

    private init(_ work: Work) { open = [work] }

    private static func firstStep(of slot: PostgreSQLSlot) -> Step {
        switch slot.jobs[0].request {
        case .load, .claim, .removeNothing: .look
        case .update(let columns, let version): .update(columns, over: version)
        case .remove(let version): .remove(version)
        }
    }

    private static func precedes(_ one: IdempotencyKey, _ other: IdempotencyKey) -> Bool {
        if one.digest != other.digest { return one.digest < other.digest }
        return (one.scope.text, one.value) < (other.scope.text, other.value)
    }

    /// How many keys are not answered yet.
    var count: Int { open.count }

    /// The same, a key at a time.
    func split() -> [PostgreSQLBatch] { open.map { PostgreSQLBatch($0) } }

    func fail(_ error: any Error) {
        for work in open { work.slot.fail(error) }
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
        var looks: [Work] = []
        var updates: [Work] = []
        var removals: [Work] = []
        var versions: [Work] = []
        for work in open {
            switch work.step {
            case .look, .lookAfter: looks.append(work)
            case .update: updates.append(work)
            case .remove: removals.append(work)
            case .version: versions.append(work)
            }
        }
        var commands: [PostgreSQLConnection.Command] = []
        if !looks.isEmpty { commands.append(.init(sql: statements.claim, parameters: Self.claimParameters(looks))) }
        if !updates.isEmpty {
            commands.append(.init(sql: statements.update, parameters: Self.updateParameters(updates)))
        }
        if !removals.isEmpty {
            commands.append(.init(sql: statements.remove, parameters: Self.removeParameters(removals, grace)))
        }
        if !versions.isEmpty {
            let count = versions.reduce(0) { $0 + $1.slot.jobs.count }
            commands.append(.init(sql: statements.nextVersion, parameters: [.integer(Int64(count))]))
        }
        var answers = try send(commands).makeIterator()
        open = []
        if !looks.isEmpty, let rows = answers.next() { finish(looks: looks, rows) }
        for (works, isRemoval) in [(updates, false), (removals, true)] where !works.isEmpty {
            if let rows = answers.next() { finish(writes: works, isRemoval: isRemoval, rows) }
        }
        if !versions.isEmpty, let rows = answers.next() {
            for (row, job) in versions.flatMap(\.slot.jobs).enumerated() { job.stored(rows.integer(row, 0)) }
        }
    }

    // MARK: Asking

    private static func claimParameters(_ works: [Work]) -> [PostgreSQLParameter] {
        var texts = (0..<6).map { _ in PostgreSQLArray(.text) }
        var numbers = (0..<3).map { _ in PostgreSQLArray(.integer) }
        var records = PostgreSQLArray(.bytes)
        for work in works {
            let key = work.slot.key
            let claim: PostgreSQLJob.Columns? = if case .look = work.step { work.slot.claim } else { nil }
            texts[0].append(key.scope.text)
            texts[1].append(key.value)
            texts[2].append(claim == nil ? nil : key.scope.operation)
            texts[3].append(claim == nil ? nil : key.scope.tenant)
            texts[4].append(claim == nil ? nil : key.scope.principal)
            texts[5].append(claim?.state)
            numbers[0].append(claim?.attempt)
            numbers[1].append(claim?.held)
            numbers[2].append(claim?.kept)
            records.append(claim?.record)
        }
        return (texts + numbers + [records]).map { .array($0) }
    }

    private static func updateParameters(_ works: [Work]) -> [PostgreSQLParameter] {
        var (scopes, values, states) = (PostgreSQLArray(.text), PostgreSQLArray(.text), PostgreSQLArray(.text))
        var numbers = (0..<4).map { _ in PostgreSQLArray(.integer) }
        var records = PostgreSQLArray(.bytes)
        for work in works {
            guard case .update(let columns, let version) = work.step else { continue }
            scopes.append(work.slot.key.scope.text)
            values.append(work.slot.key.value)
            numbers[0].append(version)
            states.append(columns.state)
            numbers[1].append(columns.attempt)
            numbers[2].append(columns.held)
            numbers[3].append(columns.kept)
            records.append(columns.record)
        }
        return [scopes, values, numbers[0], states, numbers[1], numbers[2], numbers[3], records].map { .array($0) }
    }

    private static func removeParameters(_ works: [Work], _ grace: Int64) -> [PostgreSQLParameter] {
        var (scopes, values) = (PostgreSQLArray(.text), PostgreSQLArray(.text))
        var versions = PostgreSQLArray(.integer)
        for work in works {
            guard case .remove(let version) = work.step else { continue }
            scopes.append(work.slot.key.scope.text)
            values.append(work.slot.key.value)
            versions.append(version)
        }
        return [.array(scopes), .array(values), .array(versions), .integer(grace)]
    }

    // MARK: Reading the answers

    private mutating func finish(looks: [Work], _ rows: PostgreSQLRows) {
        var isAnswered = [Bool](repeating: false, count: looks.count)
        var next = 0
        for row in 0..<rows.count {
            if rows.isNull(row, 0) {
                // Written; they come in the order in which they were sent.
                let (scope, value) = (rows.raw(row, 6), rows.raw(row, 7))
                for _ in looks {
                    defer { next = (next + 1) % looks.count }
                    let key = looks[next].slot.key
                    if isAnswered[next] || !value.elementsEqual(key.value.utf8)
                        || !scope.elementsEqual(key.scope.text.utf8)
                    {
                        continue
                    }
                    isAnswered[next] = true
                    changed.append((key, rows.boolean(row, 8)))
                    if let rest = looks[next].slot.claimed(rows.integer(row, 1)) {
                        open.append(Work(slot: rest, step: .look))
                    }
                    break
                }
            } else {
                let index = Int(rows.integer(row, 0)) - 1
                isAnswered[index] = true
                finish(looks[index], Result { try Self.stored(rows, row) })
            }
        }
        for (index, work) in looks.enumerated() where !isAnswered[index] {
            switch work.step {
            case .lookAfter: work.slot.found(nil)
            case _ where work.slot.claim != nil: open.append(work)
            default: if let rest = work.slot.absent() { open.append(Work(slot: rest, step: .version)) }
            }
        }
    }

    private mutating func finish(_ work: Work, _ found: Result<StoredRecord?, any Error>) {
        switch found {
        case .failure(let error): work.slot.fail(error)
        case .success(let record):
            if case .lookAfter(let version) = work.step, record?.version.rawValue == UInt64(bitPattern: version) {
                // It was not there a moment ago; the clock was set back meanwhile.
                open.append(Work(slot: work.slot, step: Self.firstStep(of: work.slot)))
            } else {
                work.slot.found(record)
            }
        }
    }

    private mutating func finish(writes: [Work], isRemoval: Bool, _ rows: PostgreSQLRows) {
        var isMade = [Bool](repeating: false, count: writes.count)
        for row in 0..<rows.count {
            let index = Int(rows.integer(row, 0)) - 1
            isMade[index] = true
            changed.append((writes[index].slot.key, rows.boolean(row, 2)))
            for job in writes[index].slot.jobs { job.stored(rows.integer(row, 1)) }
        }
        for (index, work) in writes.enumerated() where !isMade[index] {
            switch work.step {
            case .update(_, let version), .remove(let version):
                open.append(Work(slot: work.slot, step: .lookAfter(version)))
            case .look, .lookAfter, .version: break
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
