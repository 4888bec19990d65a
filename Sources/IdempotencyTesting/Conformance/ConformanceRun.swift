internal import Idempotency

/// One check of one store: fresh keys, sample records, and ways to say what is expected.
@available(Idempotency 0.1, *)
struct ConformanceRun: Sendable {
    let check: StoreConformanceCheck
    let subject: StoreUnderTest
    /// Where this run's keys count, unless a check needs scopes of its own.
    let scope: IdempotencyScope
    let watch = ConformanceWatch()

    init(_ check: StoreConformanceCheck, _ subject: StoreUnderTest) {
        self.check = check
        self.subject = subject
        // Fresh for each run, so that what an earlier one left in a database does no harm. A case's name and a number in
        // base 36 are short and plain: they cannot be refused.
        let run = UInt64.random(in: 0...UInt64.max)
        scope = try! IdempotencyScope("conformance-\(check.rawValue)", tenant: String(run, radix: 36))
    }

    var store: any IdempotencyStore { subject.store }
    var tick: Duration { subject.tick }
    /// One way or the other, by turns.
    func way(_ number: Int) -> any IdempotencyStore { number.isMultiple(of: 2) ? subject.another : store }
    /// The lease of sample claims: long enough that no check sees one end that it did not wait for.
    var lease: Duration { tick * 10 }

    /// Lets time pass on the store's clock.
    func advanceTime(_ span: Duration) async throws { try await watch.wait(span, by: subject.advanceTime) }

    func key(_ value: String = "k") throws -> IdempotencyKey { try IdempotencyKey(scope: scope, value: value) }

    /// A text that no other run has: tells this run's operations, tenants and principals apart from all others.
    var mark: String { scope.tenant ?? "" }

    /// A key in another scope, whose operation no other run has.
    func key(operation: String, tenant: String? = nil, principal: String? = nil, _ value: String) throws
        -> IdempotencyKey
    {
        let scope = try IdempotencyScope(unique(operation), tenant: tenant, principal: principal)
        return try IdempotencyKey(scope: scope, value: value)
    }

    /// An operation that no other run has.
    func unique(_ operation: String) -> String { "\(scope.operation)/\(mark)/\(operation)" }

    // MARK: Sample records

    func claim(
        by claimant: UInt64 = 1,
        unknown: UnknownReason? = nil,
        lease: Duration? = nil,
        lapsePolicy: LapsePolicy = .refuse,
        retention: Duration? = nil,
        attempt: UInt32 = 1,
        fingerprint: Fingerprint? = nil,
        checkpoints: [Checkpoint] = []
    ) -> IdempotencyRecord {
        IdempotencyRecord(
            state: .pending(unknown: unknown),
            attempt: attempt,
            claimant: Claimant(high: 0xC0FF_EE00_0000_0000, low: claimant),
            token: 0,
            fingerprint: fingerprint,
            lapsePolicy: lapsePolicy,
            isKnownWithoutEffect: true,
            lease: (lease ?? self.lease).nanoseconds,
            retention: retention?.nanoseconds ?? .max,
            checkpoints: checkpoints
        )
    }

    func finished(
        _ state: IdempotencyRecord.State = .done(.bytes([1, 2, 3])),
        retention: Duration? = nil,
        attempt: UInt32 = 1,
        token: UInt64 = 0,
        fingerprint: Fingerprint? = nil,
        lapsePolicy: LapsePolicy = .rerun,
        isKnownWithoutEffect: Bool = true,
        checkpoints: [Checkpoint] = []
    ) -> IdempotencyRecord {
        IdempotencyRecord(
            state: state,
            attempt: attempt,
            claimant: Claimant(high: 7, low: 9),
            token: token,
            fingerprint: fingerprint,
            lapsePolicy: lapsePolicy,
            isKnownWithoutEffect: isKnownWithoutEffect,
            lease: 0,
            retention: (retention ?? tick * 1000).nanoseconds,
            checkpoints: checkpoints
        )
    }

    // MARK: Saying what is expected

    func require(_ condition: Bool, dependsOnTime: Bool = true, _ message: @autoclosure () -> String) throws {
        if !condition {
            throw ConformanceViolation(check: check, message: message(), dependsOnTime: dependsOnTime)
        }
    }

    /// Writes, and requires that it is stored.
    @discardableResult
    func write(
        _ record: IdempotencyRecord,
        _ key: IdempotencyKey,
        over expected: RecordVersion? = nil,
        in store: (any IdempotencyStore)? = nil,
        _ what: String
    ) async throws -> RecordVersion {
        switch try await (store ?? self.store).checkAndSet(key, expecting: expected, .write(record)) {
        case .stored(let version): return version
        case .conflict(let found):
            throw ConformanceViolation(
                check: check,
                message: "\(what) was not stored; expected \(Self.text(expected)), there is \(Self.text(found))."
            )
        }
    }

    /// Writes, and requires that it is refused. Returns what is there.
    @discardableResult
    func refused(
        _ change: RecordChange,
        _ key: IdempotencyKey,
        over expected: RecordVersion?,
        _ what: String
    ) async throws -> StoredRecord? {
        switch try await store.checkAndSet(key, expecting: expected, change) {
        case .conflict(let found): return found
        case .stored: throw ConformanceViolation(check: check, message: "\(what) was stored.")
        }
    }

    /// Requires that exactly this is there.
    func requireThere(
        _ record: IdempotencyRecord,
        _ version: RecordVersion,
        _ key: IdempotencyKey,
        in store: (any IdempotencyStore)? = nil
    ) async throws {
        let found = try await (store ?? self.store).load(key)
        try require(
            found?.record == record && found?.version == version,
            "\(record) in version \(version) was written, and \(Self.text(found)) is there."
        )
    }

    func requireAbsent(_ key: IdempotencyKey, _ when: String) async throws {
        let found = try await store.load(key)
        try require(found == nil, "\(when) a load finds \(Self.text(found)).")
    }

    func remove(
        _ key: IdempotencyKey,
        over version: RecordVersion,
        in store: (any IdempotencyStore)? = nil
    ) async throws -> RecordVersion {
        switch try await (store ?? self.store).checkAndSet(key, expecting: version, .remove) {
        case .stored(let version): return version
        case .conflict(let found):
            throw ConformanceViolation(check: check, message: "a removal met \(Self.text(found)).")
        }
    }

    static func text(_ found: StoredRecord?) -> String {
        found.map { "\($0.record), version \($0.version), \($0.remaining) remaining" } ?? "nothing"
    }

    static func text(_ version: RecordVersion?) -> String {
        version.map { "version \($0)" } ?? "nothing"
    }
}
