import Idempotency
import TestSupport
import Testing

@Suite("Reconciling what nobody knows", .timeLimit(.minutes(10)))
struct ReconcileTests {
    /// A node whose process died in its handler, under `.reconcile`.
    private func lapsed(_ maximumAttempts: Int? = nil) async throws -> Node {
        let policy = try OperationPolicy(
            lapse: .reconcile { _ in .stillUnknown },
            maximumAttempts: maximumAttempts
        )
        let node = Node(policy)
        _ = try? await node.interceptor.idempotent(key: key()) { _ -> String in throw Boom() }
        return node
    }

    private func asking(
        _ node: Node,
        _ hook: @escaping OperationPolicy.ReconcileHook,
        maximumAttempts: Int? = nil
    ) throws -> IdempotencyInterceptor {
        node.another(try OperationPolicy(lapse: .reconcile(hook), maximumAttempts: maximumAttempts)).interceptor
    }

    @Test("Done: the hook's result is the key's, for this caller and all later ones")
    func done() async throws {
        let node = try await lapsed()
        let interceptor = try asking(node) { execution in
            #expect(execution.token != nil)
            return .done("found")
        }
        #expect(try await interceptor.outcome(key: key()) { _ in "no" }.isReplay("found"))
        #expect(try await node.interceptor.outcome(key: key()) { _ in "no" }.isReplay("found"))
    }

    @Test("Done without a result")
    func doneWithoutResult() async throws {
        let node = try await lapsed()
        let interceptor = try asking(node) { _ in .doneWithoutResult }
        guard case .replayed = try await interceptor.outcome(key: key(), handler: { _ in }) else {
            Issue.record("not a replay")
            return
        }
    }

    @Test("Failed: the declared failure is thrown, now and later")
    func failed() async throws {
        let node = try await lapsed()
        let interceptor = try asking(node) { _ in .failed(CardError.declined(reason: "r", code: 1)) }
        for _ in 1...2 {
            await #expect(throws: CardError.declined(reason: "r", code: 1)) {
                try await interceptor.idempotent(key: key(), failures: CardError.self) { _ in "no" }
            }
        }
    }

    @Test("Run again: the handler runs under the hook's claim, as the next attempt")
    func runAgain() async throws {
        let node = try await lapsed()
        let interceptor = try asking(node) { _ in .runAgain }
        #expect(try await interceptor.outcome(key: key()) { "attempt \($0.attempt)" }.isRun("attempt 2"))
    }

    @Test("Run again with a lost reply: one attempt is counted, and the cap is not used up by it")
    func runAgainLostReply() async throws {
        let node = try await lapsed(2)
        let b = node.another(try OperationPolicy(lapse: .reconcile { _ in .runAgain }, maximumAttempts: 2))
        // The claim that finds the record, the claim upon it, the restart.
        b.store.disturb(write: 3, .loseReply)
        #expect(try await b.interceptor.outcome(key: key()) { "attempt \($0.attempt)" }.isRun("attempt 2"))
    }

    @Test("Run again, but the attempts are used up")
    func runAgainExhausted() async throws {
        let node = try await lapsed(1)
        let interceptor = try asking(node, { _ in .runAgain }, maximumAttempts: 1)
        for _ in 1...2 {
            let code = await refusal { _ = try await interceptor.idempotent(key: key()) { _ in "no" } }
            #expect(code == .attemptsExhausted)
        }
        // The hook said that nothing has happened: no attempt is left that might have.
        let status = try await interceptor.status(of: key())
        guard case .failed(attempt: 1, _) = status else {
            Issue.record("the key is \(status)")
            return
        }
    }

    @Test("Still unknown, or a hook that throws: refused, and the next call asks again")
    func stillUnknown() async throws {
        let node = try await lapsed()
        let asked = Counter()
        let interceptor = try asking(node) { _ in
            if asked.add() == 1 { return .stillUnknown }
            throw Boom()
        }
        #expect(try await interceptor.outcome(key: key()) { _ in "no" }.unknownReason == .notReconciled)
        guard case .unknown(let outcome) = try await interceptor.outcome(key: key(), handler: { _ in "no" }) else {
            Issue.record("not unknown")
            return
        }
        #expect(outcome.cause is Boom)
        #expect(asked.value == 2)
    }

    @Test(
        "The hook is asked under a lease of its own: nobody else asks or runs meanwhile, and who waits has its answer"
    )
    func underALease() async throws {
        let node = try await lapsed()
        let asked = Counter()
        let answer = Gate()
        let asking = Gate()
        let policy = try OperationPolicy(
            lapse: .reconcile { _ in
                asked.add()
                asking.open()
                await answer.pass()
                return .stillUnknown
            }
        )
        let a = node.another(policy)
        let first = a.interceptor.start(key()) { _ in "no" }
        await asking.pass()
        let followers = (0..<10).map { _ in a.interceptor.start(key()) { _ in "no" } }
        await a.log.wait(for: .waiting, count: 10)
        let elsewhere = node.another(try OperationPolicy(waitLimit: .zero), seed: 9)
        #expect(try await elsewhere.interceptor.outcome(key: key()) { _ in "no" }.isInProgress)
        answer.open()
        #expect(try await first.value.unknownReason == .notReconciled)
        for follower in followers { #expect(try await follower.value.unknownReason == .notReconciled) }
        #expect(asked.value == 1)
    }

    @Test("Cancelled before the hook was asked: given back as unknown as it was, and the next call asks")
    func cancelledBeforeAsking() async throws {
        let node = try await lapsed()
        let asked = Counter()
        let policy = try OperationPolicy(
            lapse: .reconcile { _ in
                asked.add()
                return .done("found")
            }
        )
        let b = node.another(policy)
        let hold = Gate()
        b.store.disturb(write: 2, .holdReply(hold))
        let cancelled = b.interceptor.start(key()) { _ in "no" }
        await b.store.waitForWrites(2)
        cancelled.cancel()
        hold.open()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        #expect(asked.value == 0)
        #expect(try await node.interceptor.status(of: key()) == .lapsed(attempt: 1, .handlerThrew, .reconcile))
        #expect(try await b.interceptor.outcome(key: key()) { _ in "no" }.isReplay("found"))
    }

    @Test("A caller without a hook is refused")
    func withoutHook() async throws {
        let node = try await lapsed()
        let outcome = try await node.another(.standard).interceptor.outcome(key: key()) { _ in "no" }
        #expect(outcome.unknownReason == .handlerThrew)
    }
}
