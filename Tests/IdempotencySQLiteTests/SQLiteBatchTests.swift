#if SQLite
import Dispatch
import Idempotency
import IdempotencySQLite
import TestSupport
import Testing

@Suite("Calls to a SQLite store that travel together", .timeLimit(.minutes(10)))
struct SQLiteBatchTests {
    private let folder = TemporaryFolder()

    private func key(_ value: String) throws -> IdempotencyKey { try IdempotencyKey(operation: "charge", value: value) }

    @Test("One that cannot be done fails alone")
    func culprit() async throws {
        let store = try await SQLiteIdempotencyStore(path: folder.path("keys.db"))
        let policy = try OperationPolicy(lease: .seconds(2))
        try await store.limitLength(to: 20_000)
        let results = await withTaskGroup(of: (Int, IdempotencyError.Code?).self) { group in
            for number in 0..<200 {
                // An interceptor each: nothing is shared on the way but the store.
                let interceptor = IdempotencyInterceptor(store: store, policy: policy)
                group.addTask {
                    do {
                        let size = number == 77 ? 50_000 : 100
                        _ = try await interceptor.idempotent(key: key("k-\(number)")) { _ in
                            [UInt8](repeating: 1, count: size)
                        }
                        return (number, nil)
                    } catch {
                        return (number, (error as? IdempotencyError)?.code)
                    }
                }
            }
            var codes: [Int: IdempotencyError.Code] = [:]
            for await (number, code) in group { codes[number] = code }
            return codes
        }
        #expect(results == [77: .resultNotSaved])
        for number in [0, 76, 78, 199] { #expect(try await store.load(key("k-\(number)"))?.state == .done) }
    }

    @Test("A thousand tasks on one key: one run, and everybody has its result")
    func oneKey() async throws {
        let stores = [
            try await SQLiteIdempotencyStore(path: folder.path("keys.db")),
            try await SQLiteIdempotencyStore(path: folder.path("keys.db")),
        ]
        // Only a wake-up ends a wait: the poll underneath comes too late.
        let policy = try OperationPolicy(waitLimit: .seconds(100), pollInterval: .seconds(90))
        let interceptors = stores.map { IdempotencyInterceptor(store: $0, policy: policy) }
        let runs = Counter()
        let answers = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    try await interceptors[number % 2].idempotent(key: key("hot")) { _ in
                        try await Task.sleep(for: .milliseconds(20))
                        return runs.add()
                    }
                }
            }
            return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        #expect(answers == [1])
        #expect(runs.value == 1)
    }

    @Test("Two stores on one file and many keys: each runs once, whoever comes first")
    func manyKeys() async throws {
        let stores = [
            try await SQLiteIdempotencyStore(path: folder.path("keys.db"), durability: .processCrash),
            try await SQLiteIdempotencyStore(path: folder.path("keys.db"), durability: .processCrash),
        ]
        let interceptors = stores.map { IdempotencyInterceptor(store: $0) }
        let runs = Counter()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for number in 0..<250 {
                        let interceptor = interceptors[(task + number) % 2]
                        let answer = try await interceptor.idempotent(key: key("k-\(number)")) { _ in
                            _ = runs.add()
                            return number
                        }
                        #expect(answer == number)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(runs.value == 250)
    }

    @Test("Finishes and renewals go before claims that have waited for longer")
    func urgentFirst() async throws {
        let record = try await sampleClaim()
        let store = try await SQLiteIdempotencyStore(path: folder.path("keys.db"))
        guard case .stored(let version) = try await store.checkAndSet(key("first"), expecting: nil, .write(record))
        else {
            throw Mishap()
        }
        let (end, blocking) = await store.block()
        let claims = (0..<300).map { number in
            Task { try await store.checkAndSet(key("k-\(number)"), expecting: nil, .write(record)) }
        }
        while store.waitingCalls < 300 { try await Task.sleep(for: .milliseconds(1)) }
        let renewal = Task { try await store.checkAndSet(key("first"), expecting: version, .write(record)) }
        while store.waitingCalls < 301 { try await Task.sleep(for: .milliseconds(1)) }
        end.signal()
        try await blocking.value
        guard case .stored(let renewed) = try await renewal.value else { throw Mishap() }
        for claim in claims {
            guard case .stored(let claimed) = try await claim.value else { throw Mishap() }
            #expect(claimed > renewed)
        }
    }

    @Test("More calls than there is room for are refused, and told so; the others are served")
    func bound() async throws {
        let store = try await SQLiteIdempotencyStore(path: folder.path("keys.db"))
        let (end, blocking) = await store.block()
        let refused = Counter()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<SQLiteIdempotencyStore.maximumWaitingCalls + 10 {
                group.addTask {
                    do {
                        let result = try await store.checkAndSet(key("k-\(number)"), expecting: nil, .remove)
                        guard case .stored = result else { throw Mishap() }
                    } catch {
                        #expect((error as? IdempotencyError)?.code == .storeUnavailable)
                        // All that there is room for are there, or this one would not have been refused.
                        if refused.add() == 10 { end.signal() }
                    }
                }
            }
        }
        try await blocking.value
        #expect(refused.value == 10)
        #expect(store.waitingCalls == 0)
    }
}
#endif
