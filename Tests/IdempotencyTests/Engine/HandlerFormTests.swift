import Idempotency
import IdempotencyInMemory
import Synchronization
import TestSupport
import Testing

/// A non-Sendable value, to be captured by handlers that run in the caller's isolation.
private final class Box {
    var count = 0
}

private actor Account {
    let interceptor: IdempotencyInterceptor
    private(set) var balance = 100

    init(_ interceptor: IdempotencyInterceptor) { self.interceptor = interceptor }

    func withdraw(_ amount: Int, _ key: IdempotencyKey) async throws -> Int {
        try await interceptor.idempotent(key: key) { _ in
            // The actor's own state, without an await.
            balance -= amount
            return balance
        }
    }
}

private struct ChargeRequest: Codable {
    var key: IdempotencyKey
    var amount: Int
}

/// Not Encodable.
private struct RawRequest {
    var key: IdempotencyKey
    var work: () -> Int
}

private enum Tag {
    @TaskLocal static var value = "none"
}

@Suite("Forms of a handler", .timeLimit(.minutes(10)))
struct HandlerFormTests {
    @Test("A handler touches its actor's state, and what it captures need not be Sendable")
    func callersIsolation() async throws {
        let account = Account(Node().interceptor)
        for _ in 1...3 { #expect(try await account.withdraw(30, key()) == 70) }
        #expect(await account.balance == 70)
        let box = Box()
        let interceptor = Node().interceptor
        for _ in 1...3 { try await interceptor.idempotent(key: key()) { _ in box.count += 1 } }
        #expect(box.count == 1)
    }

    @Test("On the main actor the handler stays there")
    @MainActor
    func mainActor() async throws {
        let value = try await Node().interceptor.idempotent(key: key()) { _ in
            MainActor.assertIsolated()
            return 1
        }
        #expect(value == 1)
    }

    @Test("Void results are replayed, and differ from results that were kept")
    func void() async throws {
        let node = Node()
        let runs = Counter()
        for _ in 1...3 { try await node.interceptor.idempotent(key: key()) { _ in _ = runs.add() } }
        #expect(runs.value == 1)
        #expect(
            await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in 1 } } == .undecodableResult
        )
    }

    @Test("Scenario 23: a stored result of another type: a clear error, no re-run, no crash")
    func changedType() async throws {
        let node = Node()
        let runs = Counter()
        _ = try await node.interceptor.idempotent(key: key()) { _ in "a text" }
        let codes = await [
            refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } },
            refusal { _ = try await node.interceptor.idempotent(key: key()) { _ -> [UInt8] in [1] } },
            refusal { try await node.interceptor.idempotent(key: key()) { _ in _ = runs.add() } },
        ]
        #expect(codes == [.undecodableResult, .undecodableResult, .undecodableResult])
        #expect(runs.value == 0)
    }

    @Test("Followers decode the kept bytes, each with its own type")
    func followersDecode() async throws {
        let node = Node()
        let finish = Gate()
        let leader = Task {
            try await node.interceptor.idempotent(key: key()) { _ in
                await finish.pass()
                return ["a": 1]
            }
        }
        await node.log.wait(for: .claimed)
        let wrong = node.interceptor.start(key()) { _ in "no" }
        let right = Task { try await node.interceptor.idempotent(key: key()) { _ in ["a": 2] } }
        await node.log.wait(for: .waiting, count: 2)
        finish.open()
        #expect(try await leader.value == ["a": 1])
        #expect(try await right.value == ["a": 1])
        #expect(await refusal { _ = try await wrong.value } == .undecodableResult)
    }

    @Test("In a task of its own the handler finishes although the caller has gone, and the retry replays it")
    func ownTask() async throws {
        let node = Node()
        let entered = Gate()
        let finish = Gate()
        let caller = Task {
            try await node.interceptor.idempotent(key: key(), task: .own) { _ in
                entered.open()
                await finish.pass()
                return Task.isCancelled ? "cancelled" : "finished"
            }
        }
        await entered.pass()
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
        finish.open()
        await node.log.wait(for: .completed)
        let retry = try await node.interceptor.outcome(key: key(), task: .own) { _ in "no" }
        #expect(retry.isReplay("finished"))
        try await node.interceptor.idempotent(key: key("void"), task: .own) { _ in }
    }

    @Test("A task of its own inherits task-local values, and what it throws reaches the caller")
    func ownTaskInherits() async throws {
        let node = Node()
        let value = try await Tag.$value.withValue("tagged") {
            try await node.interceptor.idempotent(key: key(), task: .own) { _ in Tag.value }
        }
        #expect(value == "tagged")
        await #expect(throws: CardError.self) {
            try await node.interceptor.idempotent(key: key("k-2"), failures: CardError.self, task: .own) { _ -> Int in
                throw CardError.declined(reason: "", code: 1)
            }
        }
    }

    @Test("A wrapped handler is called like the original, and compares whole requests")
    func wrapped() async throws {
        let node = Node()
        let runs = Counter()
        let charge = node.interceptor.idempotent(key: \ChargeRequest.key) { request, _ in
            runs.add()
            return request.amount
        }
        let request = ChargeRequest(key: key(), amount: 5)
        #expect(try await charge(request) == 5)
        #expect(try await charge(request) == 5)
        #expect(runs.value == 1)
        #expect(await refusal { _ = try await charge(ChargeRequest(key: key(), amount: 6)) } == .fingerprintMismatch)
        let void = node.interceptor.idempotent(key: \ChargeRequest.key) { _, _ in _ = runs.add() }
        try await void(ChargeRequest(key: key("void"), amount: 1))
        #expect(runs.value == 2)
    }

    @Test("A wrapped handler for requests that are not Encodable, with a fingerprint of the caller's choice")
    func wrappedRaw() async throws {
        let node = Node()
        let work = node.interceptor.idempotent(key: \RawRequest.key, fingerprint: { _ in nil }) { request, _ in
            request.work()
        }
        #expect(try await work(RawRequest(key: key(), work: { 1 })) == 1)
        #expect(try await work(RawRequest(key: key(), work: { 2 })) == 1)
    }

    @Test("A wrapped handler in a task of its own")
    func wrappedInOwnTask() async throws {
        let node = Node()
        let charge = node.interceptor.idempotent(key: { (request: ChargeRequest) in request.key }, task: .own) {
            request,
            execution in request.amount
        }
        let request = ChargeRequest(key: key(), amount: 5)
        async let first = charge(request)
        async let second = charge(request)
        #expect(try await [first, second] == [5, 5])
    }

    @Test(
        "Scenarios 25 and 26: a bad key is stored nowhere, and no operation, tenant or principal sees another's result"
    )
    func scopes() async throws {
        let node = Node()
        #expect(await refusal { _ = try IdempotencyKey(operation: "charge", value: "a\nb") } == .invalidKey)
        #expect(node.store.operations == 0)
        let scopes = [
            try IdempotencyScope("charge"), try IdempotencyScope("refund"),
            try IdempotencyScope("charge", tenant: "a"), try IdempotencyScope("charge", tenant: "b"),
            try IdempotencyScope("charge", principal: "a"), try IdempotencyScope("charge", tenant: "a", principal: "b"),
        ]
        for round in 1...2 {
            for (index, scope) in scopes.enumerated() {
                let outcome = try await node.interceptor.outcome(key: IdempotencyKey(scope: scope, value: "t")) { _ in
                    index
                }
                #expect(round == 1 ? outcome.isRun(index) : outcome.isReplay(index))
            }
        }
    }

    @Test("Scenario 27: events, errors and executions never show a key's value, a payload or a result")
    func nothingLeaks() async throws {
        let secret = "s3cr3t"
        let node = Node(try OperationPolicy(lapse: .refuse))
        let key = key(secret)
        _ = try await node.interceptor.idempotent(key: key, fingerprint: Fingerprint(bytes: Array(secret.utf8))) { _ in
            secret
        }
        var texts: [String] = []
        func keep(_ value: Any) {
            texts.append("\(value)")
            texts.append(String(reflecting: value))
            var dumped = ""
            dump(value, to: &dumped)
            texts.append(dumped)
        }
        for outcome in [
            await node.interceptor.start(key, fingerprint: Fingerprint(bytes: [1])) { _ in secret }.result,
            await Task { try await node.interceptor.outcome(key: key) { _ in [1] }.map { _ in secret } }.result,
        ] {
            if case .failure(let error) = outcome { keep(error) }
        }
        _ = try? await node.interceptor.idempotent(key: self.key(secret + "2")) { execution -> String in
            keep(execution)
            throw EffectDidNotHappen(Boom())
        }
        struct Leaky: Error { let card: String }
        _ = try? await node.interceptor.idempotent(key: self.key(secret + "3")) { _ -> String in
            throw Leaky(card: secret)
        }
        keep(try await node.interceptor.outcome(key: key) { _ in secret })
        let asking = node.another(try OperationPolicy(lapse: .reconcile { _ in throw Leaky(card: secret) }))
        _ = try? await asking.interceptor.idempotent(key: self.key(secret + "4")) { _ -> String in throw Boom() }
        keep(try await asking.interceptor.outcome(key: self.key(secret + "4")) { _ in secret })
        for event in node.log.events + asking.log.events { keep(event) }
        keep(key)
        #expect(texts.count > 10)
        for text in texts { #expect(!text.contains(secret)) }
    }

    private func key(_ value: String = "k-1") -> IdempotencyKey {
        try! IdempotencyKey(operation: "charge", value: value)
    }
}

extension IdempotentOutcome {
    fileprivate func map<Other>(_ transform: (Value) -> Other) -> IdempotentOutcome<Other> {
        switch self {
        case .ran(let value): .ran(transform(value))
        case .replayed(let value): .replayed(transform(value))
        case .inProgress(let remaining): .inProgress(remaining: remaining)
        case .unknown(let outcome): .unknown(outcome)
        }
    }
}
