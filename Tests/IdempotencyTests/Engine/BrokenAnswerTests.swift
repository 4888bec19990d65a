import Idempotency
import IdempotencyTesting
import TestSupport
import Testing

/// A driver that takes one reply for another's, a replica that is read, a backup that was played back.
@Suite("A store that breaks its contract is called broken, and what it said is not used", .timeLimit(.minutes(10)))
struct BrokenAnswerTests {
    private let node: Node
    private let runs = Counter()

    init() throws {
        node = Node(try OperationPolicy(lease: .seconds(30), waitLimit: .seconds(100), storeFailure: .failOpen))
    }

    /// Another client's record, as it is stored.
    private func another() async throws -> StoredRecord {
        _ = try await node.interceptor.idempotent(key: key("another")) { _ in "another's result" }
        return try #require(try await node.memory.load(key("another")))
    }

    /// What the store holds under the key, as if the store had gone back in time.
    private func older(_ key: IdempotencyKey, by versions: UInt64 = 1) async throws -> StoredRecord {
        let stored = try #require(try await node.memory.load(key))
        return StoredRecord(
            version: RecordVersion(rawValue: stored.version.rawValue - versions),
            record: stored.record,
            remaining: stored.remaining
        )
    }

    private func expectBroken(_ body: () async throws -> Void) async throws {
        #expect(await refusal(body) == .brokenStore)
        #expect(runs.value == 0)
        #expect(node.log.count(.storeBroken) == 1)
        // Not even under fail-open.
        #expect(node.log.count(.failedOpen) == 0)
        let event = try #require(node.log.events.first { $0.kind == .storeBroken })
        #expect((event.error as? IdempotencyError)?.code == .brokenStore)
    }

    @Test("The record of another key that a claim is answered with replays nothing")
    func anotherRecordAtTheClaim() async throws {
        let another = try await another()
        node.store.disturb(write: 1, .answer(.conflict(another)))
        try await expectBroken { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } }
    }

    @Test("The record of another key that a lost claim is looked up by is not adopted")
    func anotherRecordAfterLostReply() async throws {
        let another = try await another()
        node.store.disturb(write: 1, .loseReply)
        node.store.disturb(load: 1, .answer(.conflict(another)))
        try await expectBroken { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } }
    }

    @Test("The record of another key that a waiting call reads is no result for it")
    func anotherRecordWhileWaiting() async throws {
        let another = try await another()
        let finish = Gate()
        let waiting = node.another(seed: 3)
        let running = await node.run(key(), until: finish)
        waiting.store.disturb(load: 1, .answer(.conflict(another)))
        let task = waiting.interceptor.start(key()) { _ in "no" }
        await waiting.log.wait(for: .waiting)
        await waiting.clock.waitForSleeper(within: .seconds(2))
        waiting.clock.advance(by: .seconds(2))
        #expect(await refusal { _ = try await task.value } == .brokenStore)
        #expect(waiting.log.count(.storeBroken) == 1)
        finish.open()
        #expect(try await running.value.isRun("A"))
    }

    /// The answer to the finish was not believed, the finish was repeated, and its result is recorded.
    private func expectRecorded(_ result: String) async throws {
        #expect(result == "A")
        #expect(node.log.count(.storeBroken) == 1)
        #expect(node.log.count(.unsaved) == 0)
        #expect(try await node.another().interceptor.outcome(key: key()) { _ in "no" }.isReplay("A"))
    }

    @Test("The record of another key at the finish is not used: the finish is repeated")
    func anotherRecordAtTheFinish() async throws {
        let another = try await another()
        node.store.disturb(write: 2, .answer(.conflict(another)))
        try await expectRecorded(try await node.interceptor.idempotent(key: key()) { _ in "A" })
    }

    @Test("A store that stays broken until the lease is over: the caller has the result with the error")
    func brokenUntilTheLeaseEnds() async throws {
        let another = try await another()
        let gate = Gate()
        let call = await node.run(key(), until: gate)
        for number in 1...200 {
            node.store.disturb(write: number, .answer(.conflict(another)))
            node.store.disturb(load: number, .answer(.conflict(another)))
        }
        gate.open()
        for _ in 1...40 {
            await node.executor.waitUntilIdle()
            node.clock.advance(by: .seconds(1))
        }
        let error = await #expect(throws: IdempotencyError.self) { try await call.value }
        #expect(error?.code == .resultNotSaved)
        #expect((error?.cause as? IdempotencyError)?.code == .brokenStore)
        #expect(try error?.result(as: String.self) == "A")
        #expect(node.log.count(.unsaved) == 1)
    }

    @Test("The record of another key is no status of this one, and not settled in its place")
    func anotherRecordForOperators() async throws {
        let another = try await another()
        node.store.disturb(load: 1, .answer(.conflict(another)))
        try await expectBroken { _ = try await node.interceptor.status(of: key()) }
    }

    @Test("A version that did not grow at a claim runs nothing")
    func claimDidNotGrow() async throws {
        _ = try? await node.interceptor.idempotent(key: key()) { _ -> Int in throw EffectDidNotHappen(Boom()) }
        let version = try #require(try await node.memory.load(key())).version
        node.store.disturb(write: 2, .answer(.stored(version)))
        try await expectBroken { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } }
    }

    @Test("A version that did not grow at the finish is no acknowledgement: the finish is repeated")
    func finishDidNotGrow() async throws {
        let result = try await node.interceptor.idempotent(key: key()) { execution in
            // The claim's own version.
            let same = RecordVersion(rawValue: try #require(execution.token).rawValue)
            node.store.disturb(write: 1, .answer(.stored(same)))
            return "A"
        }
        try await expectRecorded(result)
    }

    @Test("An older version that answers a takeover runs nothing")
    func olderAtTheTakeover() async throws {
        _ = try? await node.interceptor.idempotent(key: key()) { _ -> Int in throw EffectDidNotHappen(Boom()) }
        node.store.disturb(write: 2, .answer(.conflict(try await older(key()))))
        try await expectBroken { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } }
    }

    @Test("An older version that answers the finish is not gone on from: the finish is repeated")
    func olderAtTheFinish() async throws {
        let result = try await node.interceptor.idempotent(key: key()) { _ in
            node.store.disturb(write: 1, .answer(.conflict(try await older(key()))))
            return "A"
        }
        try await expectRecorded(result)
    }

    @Test("An older version that a renewal reads back after a lost reply is not gone on from")
    func olderAfterALostReply() async throws {
        let finish = Gate()
        let running = await node.run(key(), until: finish)
        // The renewal lands, its reply is lost, and the next one reads a replica that is behind.
        node.store.disturb(write: 1, .loseReply)
        node.clock.advance(by: .seconds(11))
        await node.log.wait(for: .notRenewed)
        node.store.disturb(load: 1, .answer(.conflict(try await older(key(), by: 5))))
        node.clock.advance(by: .seconds(6))
        await node.log.wait(for: .storeBroken)
        // The store has recovered: the run has not lost anything.
        finish.open()
        #expect(try await running.value.isRun("A"))
        #expect(try await node.another().interceptor.outcome(key: key()) { _ in "no" }.isReplay("A"))
    }

    @Test("A version that fell while the key was away for a moment runs nothing, and hands out no older token")
    func olderAcrossAbsence() async throws {
        _ = try? await node.interceptor.idempotent(key: key()) { _ -> Int in throw EffectDidNotHappen(Boom()) }
        node.store.disturb(write: 2, .answer(.conflict(nil)))
        node.store.disturb(write: 3, .answer(.stored(RecordVersion(rawValue: 1))))
        try await expectBroken { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } }
    }

    @Test("An older record that a waiting call meets after the key was away for a moment is not replayed")
    func olderAfterWaiting() async throws {
        let before = Node()
        _ = try await before.interceptor.idempotent(key: key()) { _ in "an older life's" }
        let old = try #require(try await before.memory.load(key()))
        let finish = Gate()
        let running = await node.run(key(), until: finish)
        let waiting = node.another(seed: 3)
        waiting.store.disturb(load: 1, .answer(.conflict(nil)))
        let older = StoredRecord(version: RecordVersion(rawValue: 1), record: old.record, remaining: old.remaining)
        waiting.store.disturb(write: 2, .answer(.conflict(older)))
        let task = waiting.interceptor.start(key()) { _ in "no" }
        await waiting.log.wait(for: .waiting)
        await waiting.clock.waitForSleeper(within: .seconds(2))
        waiting.clock.advance(by: .seconds(2))
        #expect(await refusal { _ = try await task.value } == .brokenStore)
        finish.open()
        #expect(try await running.value.isRun("A"))
    }

    @Test("A revocation that is answered with another's record revokes nothing, and is called what it is")
    func revocation() async throws {
        let another = try await another()
        node.store.disturb(write: 1, .answer(.conflict(another)))
        try await expectBroken { _ = try await node.interceptor.revoke(key: key()) }
        #expect(try await node.memory.load(key()) == nil)
    }

    @Test("A run that asks for its lease is told what the store did, and a hook's answer is recorded all the same")
    func leaseAndFinding() async throws {
        let another = try await another()
        let asked = await refusal {
            _ = try await node.interceptor.idempotent(key: key()) { execution in
                node.store.loseRenewals()
                node.clock.advance(by: .seconds(31))
                // The keeper's renewal is lost before the store is there again.
                await node.executor.waitUntilIdle()
                node.store.revive()
                for number in 1...3 {
                    node.store.disturb(write: number, .answer(.conflict(another)))
                    node.store.disturb(load: number, .answer(.conflict(another)))
                }
                try await execution.checkLease()
                return "no"
            }
        }
        #expect(asked == .brokenStore)

        let policy = try OperationPolicy(lease: .seconds(30), lapse: .reconcile { _ in .done("A") })
        let hooked = Node(policy)
        _ = try await hooked.interceptor.idempotent(key: key("another")) { _ in "another's result" }
        let other = try #require(try await hooked.memory.load(key("another")))
        _ = try? await hooked.interceptor.idempotent(key: key()) { _ -> String in throw Boom() }
        hooked.store.disturb(write: 3, .answer(.conflict(other)))
        #expect(try await hooked.interceptor.outcome(key: key()) { _ in "no" }.isReplay("A"))
        #expect(hooked.log.count(.storeBroken) == 1)
    }

    @Test("A claim whose record cannot be looked up is given back, and does not block its key for a lease")
    func unreadableLookUp() async throws {
        node.store.disturb(write: 1, .loseReply)
        node.store.disturb(load: 1, .fail(IdempotencyError(code: .corruptRecord, message: "test")))
        #expect(
            await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } }
                == .corruptRecord
        )
        await node.log.wait(for: .released)
        #expect(try await node.memory.load(key())?.state == .retryable)
    }

    @Test("What a background write is answered falsely is not asked again, and holds up no other key")
    func background() async throws {
        let look = Gate()
        node.store.disturb(load: 2, .hold(look))
        for number in 1...4 {
            node.store.disturb(write: 1, .loseReply)
            node.store.disturb(load: 1, .failBefore)
            let closed = node.interceptor.applying(try OperationPolicy(lease: .seconds(30)))
            _ = try? await closed.idempotent(key: key("k\(number)")) { _ in runs.add() }
            // Its first look is held up, so that all four are still to be given back at the shutdown.
            if number == 1 { await node.store.waitForLoads(2) }
        }
        for number in 1...3 { node.store.disturb(write: number, .answer(.stored(RecordVersion(rawValue: 1)))) }
        async let left = node.interceptor.shutdown(within: .seconds(1000))
        look.open()
        #expect(await left == 0)
        // Whichever came last.
        #expect(node.log.count(.storeBroken) == 3)
        #expect(node.log.count(.released) == 1)
    }

    @Test("A record of a release whose records did not say whose they are is taken for its key's")
    func recordOfFormat1() async throws {
        let another = try await another()
        var bytes = another.record.encoded()
        // As format 1 has it: without the digest, and with a checksum of its own.
        bytes[3] = 1
        bytes.removeLast(12)
        let old = StoredRecord(
            version: another.version,
            record: try IdempotencyRecord(encoded: CRC.appended(to: bytes)),
            remaining: another.remaining
        )
        node.store.disturb(write: 1, .answer(.conflict(old)))
        #expect(try await node.interceptor.outcome(key: key()) { _ in "no" }.isReplay("another's result"))
    }

    @Test(
        "Scenario 30: a record that cannot be read runs nothing, not even under fail-open",
        arguments: [IdempotencyError.Code.unsupportedRecordVersion, .corruptRecord]
    )
    func unreadableRecord(_ code: IdempotencyError.Code) async throws {
        node.store.disturb(write: 1, .fail(IdempotencyError(code: code, message: "test")))
        #expect(await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } } == code)
        #expect(runs.value == 0)
    }
}
