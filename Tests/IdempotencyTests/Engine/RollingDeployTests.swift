import Idempotency
import IdempotencyInMemory
import IdempotencyTesting
import TestSupport
import Testing

/// Nodes of this release beside nodes of the next one, which writes its records in a format that is not known here.
@Suite("Two releases on one store", .timeLimit(.minutes(10)))
struct RollingDeployTests {
    private let clock = ManualClock()
    private let memory: InMemoryIdempotencyStore
    private let disk = EncodingStore.Disk()
    private let log = EventLog()
    private let runs = Counter()

    init() {
        memory = InMemoryIdempotencyStore(clock: clock)
    }

    private func node(_ store: EncodingStore, _ policy: OperationPolicy = .standard, seed: UInt64)
        -> IdempotencyInterceptor
    {
        IdempotencyInterceptor(
            store: store,
            policy: policy,
            observer: log,
            runtime: IdempotencyRuntime(
                clock: clock,
                executor: globalConcurrentExecutor,
                random: SeededGenerator(seed: seed)
            )
        )
    }

    private func old(_ policy: OperationPolicy = .standard) -> IdempotencyInterceptor {
        node(EncodingStore(memory, disk), policy, seed: 1)
    }

    /// What the next release writes: nobody here knows more of it than its first four bytes.
    private func new(_ policy: OperationPolicy = .standard) -> IdempotencyInterceptor {
        let store = EncodingStore(memory, disk) { record in
            var bytes = record.encoded()
            bytes[3] = IdempotencyRecord.formatVersion + 1
            return bytes
        }
        return node(store, policy, seed: 2)
    }

    @Test(
        "A node of this release runs nothing over a newer record, says so, and changes nothing",
        arguments: [OperationPolicy.StoreFailureHandling.failClosed, .failOpen]
    )
    func newerRecord(_ storeFailure: OperationPolicy.StoreFailureHandling) async throws {
        #expect(try await new().outcome(key: key()) { _ in "new" }.isRun("new"))
        let version = try #require(try await memory.load(key())).version
        let old = old(try OperationPolicy(storeFailure: storeFailure))
        let error = await #expect(throws: IdempotencyError.self) {
            try await old.idempotent(key: key()) { _ in runs.add() }
        }
        #expect(error?.code == .unsupportedRecordVersion)
        #expect(error?.message.contains("upgrade this service") == true)
        #expect(await refusal { _ = try await old.status(of: key()) } == .unsupportedRecordVersion)
        #expect(await refusal { _ = try await old.revoke(key: key()) } == .unsupportedRecordVersion)
        #expect(runs.value == 0)
        #expect(try await memory.load(key())?.version == version)
        // Other keys are served as ever.
        #expect(try await old.outcome(key: key("other")) { _ in "old" }.isRun("old"))
    }

    @Test("It does not wait for a newer run, and everybody in its flight is told")
    func newerRun() async throws {
        let finish = Gate()
        let isInside = Gate()
        let running = new().start(key()) { _ in
            isInside.open()
            await finish.pass()
            return "new"
        }
        await isInside.pass()
        let old = old()
        let calls = (1...5).map { _ in old.start(key()) { _ in "no" } }
        for call in calls { #expect(await refusal { _ = try await call.value } == .unsupportedRecordVersion) }
        finish.open()
        #expect(try await running.value.isRun("new"))
    }

    @Test("Its own run, taken over by a newer node, ends with the result and an error, and disturbs nothing")
    func takenOverByNewer() async throws {
        let policy = try OperationPolicy(lease: .seconds(30), maximumRunTime: .seconds(30))
        let finish = Gate()
        let isInside = Gate()
        let stalled = old(policy).start(key()) { _ in
            isInside.open()
            await finish.pass()
            return "old"
        }
        await isInside.pass()
        clock.advance(by: .seconds(40))
        #expect(try await new(policy).outcome(key: key()) { _ in "new" }.isRun("new"))
        let version = try #require(try await memory.load(key())).version
        finish.open()
        let error = await #expect(throws: IdempotencyError.self) { try await stalled.value }
        #expect(error?.code == .resultNotSaved)
        #expect((error?.cause as? IdempotencyError)?.code == .unsupportedRecordVersion)
        #expect(try error?.result(as: String.self) == "old")
        #expect(try await memory.load(key())?.version == version)
    }

    @Test("The newer release replays what this one has recorded")
    func olderRecord() async throws {
        #expect(try await old().outcome(key: key()) { _ in "old" }.isRun("old"))
        #expect(try await new().outcome(key: key()) { _ in "no" }.isReplay("old"))
    }

    @Test("A record of format 1 is replayed, taken over and finished by this release")
    func format1() async throws {
        let first = node(
            EncodingStore(memory, disk) { record in
                // What the first format had room for.
                var bytes = record.encoded()
                bytes[3] = 1
                bytes.removeLast(12)
                return CRC.appended(to: bytes)
            },
            seed: 3
        )
        #expect(try await first.outcome(key: key()) { _ in "first" }.isRun("first"))
        #expect(disk[try #require(try await memory.load(key())).version]?[3] == 1)
        #expect(try await old().outcome(key: key()) { _ in "no" }.isReplay("first"))
        _ = try? await first.idempotent(key: key("failed")) { _ -> Int in throw Boom() }
        #expect(try await old().outcome(key: key("failed")) { execution in "\(execution.attempt)" }.isRun("2"))
        #expect(disk[try #require(try await memory.load(key("failed"))).version]?[3] == 2)
    }
}

/// The checksum of the format's description, computed without the library.
enum CRC {
    static func appended(to bytes: [UInt8]) -> [UInt8] {
        let checksum = ~bytes.reduce(0xFFFF_FFFF) { value, byte in
            (0..<8).reduce(value ^ UInt32(byte)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
            }
        }
        return bytes + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (24 - 8 * UInt32($0))) }
    }
}
