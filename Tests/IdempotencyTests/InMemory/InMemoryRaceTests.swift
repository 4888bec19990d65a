import Testing

@testable import Idempotency
@testable import IdempotencyInMemory

@Suite("Races for one key in the in-memory store")
struct InMemoryRaceTests {
    private let clock = SteppingClock()

    private struct Answer: Sendable {
        var claimant: Claimant
        var result: CheckAndSetResult
    }

    /// Lets 64 tasks claim one key at once, expecting one thing, and says who was told what.
    private func race(
        _ store: InMemoryIdempotencyStore,
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        round: Int
    ) async throws -> [Answer] {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            for task in 0..<64 {
                group.addTask {
                    let claimant = Claimant(high: UInt64(round), low: UInt64(task))
                    let result = try await store.checkAndSet(key, expecting: expected, .write(.claim(by: claimant)))
                    return Answer(claimant: claimant, result: result)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// The winner's version and claimant, if there is one winner and all others were shown its record.
    private func winner(_ answers: [Answer]) -> StoredRecord? {
        var won: [StoredRecord] = []
        var seen: [StoredRecord?] = []
        for answer in answers {
            switch answer.result {
            case .stored(let version):
                won.append(StoredRecord(version: version, record: .claim(by: answer.claimant), remaining: .seconds(30)))
            case .conflict(let found): seen.append(found)
            }
        }
        guard won.count == 1, seen.count == 63, seen.allSatisfy({ $0 == won[0] }) else { return nil }
        return won[0]
    }

    @Test("64 tasks claim one fresh key, 1,000 rounds: one winner each, and all others see the winner's record")
    func firstClaims() async throws {
        let store = InMemoryIdempotencyStore(clock: clock)
        for round in 0..<1000 {
            let key = IdempotencyKey.numbered(round)
            let winner = try #require(winner(try await race(store, key, expecting: nil, round: round)))
            #expect(try await store.load(key) == winner)
        }
        #expect(store.count == 1000)
    }

    @Test("64 tasks take over one lapsed claim, 200 rounds: one winner each")
    func takeovers() async throws {
        let store = InMemoryIdempotencyStore(clock: clock)
        let key = IdempotencyKey.numbered(0)
        var version = try #require(try await store.write(.claim(), to: key))
        for round in 1...200 {
            clock.advance(by: .seconds(31))
            let winner = try #require(winner(try await race(store, key, expecting: version, round: round)))
            #expect(winner.version > version)
            version = winner.version
        }
    }

    @Test("64 tasks claim one expired key, 200 rounds: one winner each")
    func expired() async throws {
        let store = InMemoryIdempotencyStore(clock: clock)
        let key = IdempotencyKey.numbered(0)
        var last = RecordVersion(rawValue: 1)
        for round in 0..<200 {
            let winner = try #require(winner(try await race(store, key, expecting: nil, round: round)))
            #expect(winner.version > last)
            last = try #require(try await store.write(.finished(), to: key, expecting: winner.version))
            clock.advance(by: .seconds(60))
        }
    }

    @Test("Read, then write upon what was read: of 64 × 100 increments none is lost")
    func increments() async throws {
        let store = InMemoryIdempotencyStore(clock: clock)
        let key = IdempotencyKey.numbered(0)
        _ = try await store.write(.example(attempt: 0, lease: .seconds(30)), to: key)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    for _ in 0..<100 {
                        var found = try await store.load(key)
                        while let current = found {
                            var next = current.record
                            next.attemptNumber += 1
                            switch try await store.checkAndSet(key, expecting: current.version, .write(next)) {
                            case .stored: found = nil
                            case .conflict(let other): found = other
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.load(key)?.record.attempt == 6400)
    }
}
