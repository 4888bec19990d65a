import Idempotency
import IdempotencyTesting
import TestSupport
import Testing

enum CardError: FinalFailure, Equatable {
    static let failureName = "card-error"
    case declined(reason: String, code: Int)
}

enum OtherFailure: FinalFailure {
    static let failureName = "other"
    case no
}

@Suite("Every row of the failure table", .timeLimit(.minutes(10)))
struct FailureTableTests {
    @Test("A handler that returns: the caller has the value, a duplicate the same one as a replay")
    func returns() async throws {
        let node = Node()
        let runs = Counter()
        for call in 1...3 {
            let outcome = try await node.interceptor.outcome(key: key()) { _ in
                runs.add()
                return "receipt"
            }
            #expect(call == 1 ? outcome.isRun("receipt") : outcome.isReplay("receipt"))
        }
        #expect(runs.value == 1)
        #expect(node.store.operations == 4, "one question for each duplicate")
    }

    @Test("Scenario 19, I3: a declared final failure is kept, and thrown again with its type and fields")
    func finalFailure() async throws {
        let node = Node()
        let runs = Counter()
        for _ in 1...3 {
            await #expect(throws: CardError.declined(reason: "limit", code: 51)) {
                try await node.interceptor.idempotent(key: key(), failures: OtherFailure.self, CardError.self) {
                    _ -> String in
                    runs.add()
                    throw CardError.declined(reason: "limit", code: 51)
                }
            }
        }
        #expect(runs.value == 1)
        #expect(
            await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } }
                == .undeclaredFailure
        )
        #expect(runs.value == 1)
    }

    @Test("Scenario 19: a failure that is not declared is not kept as final")
    func undeclaredFailureRunsAgain() async throws {
        let node = Node()
        await #expect(throws: OtherFailure.self) {
            try await node.interceptor.idempotent(key: key(), failures: CardError.self) { _ -> String in
                throw OtherFailure.no
            }
        }
        let again = try await node.interceptor.outcome(key: key(), failures: CardError.self) { $0.attempt }
        #expect(again.isRun(2))
    }

    @Test(
        "An error declared 'did not happen' is unwrapped, and a later call runs again whatever the lapse policy",
        arguments: [OperationPolicy.LapseHandling.rerun, .refuse]
    )
    func didNotHappen(_ lapse: OperationPolicy.LapseHandling) async throws {
        let node = Node(try OperationPolicy(lapse: lapse))
        await #expect(throws: Boom()) {
            try await node.interceptor.idempotent(key: key()) { _ -> String in throw EffectDidNotHappen(Boom()) }
        }
        #expect(try await node.interceptor.outcome(key: key()) { _ in "ok" }.isRun("ok"))
    }

    @Test("Those already waiting for a run that fails are told so; a later call runs again")
    func waitersOfAFailedRun() async throws {
        let node = Node()
        let gate = Gate()
        let leader = node.interceptor.start(key()) { _ in
            await gate.pass()
            throw Boom()
        }
        await node.log.wait(for: .claimed)
        let follower = node.interceptor.start(key()) { _ in "must not run" }
        let elsewhere = node.another()
        let remote = elsewhere.interceptor.start(key()) { _ in "must not run" }
        await node.log.wait(for: .waiting)
        await elsewhere.log.wait(for: .waiting)
        await node.clock.waitForSleeper(within: .seconds(1))
        gate.open()
        await #expect(throws: Boom()) { try await leader.value }
        #expect(await refusal { _ = try await follower.value } == .attemptFailed)
        node.clock.advance(by: .seconds(1))
        #expect(await refusal { _ = try await remote.value } == .attemptFailed)
        #expect(try await node.interceptor.outcome(key: key()) { _ in "again" }.isRun("again"))
    }

    @Test("Scenario 20: any other error under .rerun: thrown, and the key runs again, never in progress")
    func otherErrorRerun() async throws {
        let node = Node()
        await #expect(throws: Boom()) {
            try await node.interceptor.idempotent(key: key()) { _ -> String in throw Boom() }
        }
        #expect(try await node.interceptor.status(of: key()) == .retryable(attempt: 1))
        let attempt = try await node.interceptor.idempotent(key: key()) { $0.attempt }
        #expect(attempt == 2)
    }

    @Test("Scenario 20, I6: any other error under .refuse: unknown, never run again, and never forgotten")
    func otherErrorRefuse() async throws {
        let node = Node(try OperationPolicy(lapse: .refuse))
        await #expect(throws: Boom()) {
            try await node.interceptor.idempotent(key: key()) { _ -> String in throw Boom() }
        }
        let outcome = try await node.interceptor.outcome(key: key()) { _ in "must not run" }
        #expect(outcome.unknownReason == .handlerThrew)
        #expect(
            await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in "no" } } == .outcomeUnknown
        )
        #expect(try await node.interceptor.status(of: key()) == .lapsed(attempt: 1, .handlerThrew, .refuse))
        // A lifetime later it is still there.
        node.clock.advance(by: .seconds(1_000_000_000))
        #expect(try await node.interceptor.outcome(key: key()) { _ in "no" }.unknownReason == .handlerThrew)
    }

    @Test("A handler that is cancelled inside is treated by its lapse policy")
    func cancelledInside() async throws {
        let node = Node(try OperationPolicy(lapse: .refuse))
        let entered = Gate()
        let task = node.interceptor.start(key()) { _ in
            entered.open()
            try await withTaskCancellationHandler {
                let never = Gate()
                await withTaskCancellationHandler {
                    await never.pass()
                } onCancel: {
                    never.open()
                }
                try Task.checkCancellation()
            } onCancel: {
            }
            return "no"
        }
        await entered.pass()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await node.interceptor.outcome(key: key()) { _ in "no" }.unknownReason == .handlerThrew)
    }

    @Test("Scenario 12: a dead process under .rerun: the key is free as soon as the lease is over, and runs again")
    func deadProcessRerun() async throws {
        let dead = Node()
        let never = Gate()
        let lost = dead.interceptor.start(key()) { execution in
            await never.pass()
            return "lost"
        }
        await dead.log.wait(for: .claimed)
        dead.store.kill()
        let node = dead.another()
        let waiting = node.interceptor.applying(try OperationPolicy(waitLimit: .zero))
        #expect(try await waiting.outcome(key: key()) { _ in "no" }.isInProgress)
        node.clock.advance(by: .seconds(29))
        #expect(try await waiting.outcome(key: key()) { _ in "no" }.isInProgress)
        node.clock.advance(by: .seconds(1))
        let outcome = try await waiting.outcome(key: key()) { "rerun \($0.attempt) \($0.isRerun)" }
        #expect(outcome.isRun("rerun 2 true"))
        #expect(node.log.count(.takenOver) == 1)
        never.open()
        node.clock.advance(by: .seconds(1))
        #expect(await refusal { _ = try await lost.value } == .resultNotSaved)
    }

    @Test("A dead process under .refuse: unknown, and nobody runs it")
    func deadProcessRefuse() async throws {
        let dead = Node(try OperationPolicy(lapse: .refuse))
        let never = Gate()
        let lost = await dead.run(key(), until: never, returning: "lost")
        dead.store.kill()
        dead.clock.advance(by: .seconds(30))
        let outcome = try await dead.another().interceptor.outcome(key: key()) { _ in "no" }
        #expect(outcome.unknownReason == .lapsed)
        never.open()
        _ = await lost.result
    }

    @Test("Scenario 15: the effect happened and its record fails: not released, no re-run, the result is in the error")
    func resultNotSaved() async throws {
        let node = Node()
        let runs = Counter()
        let task = node.interceptor.start(key()) { _ in
            runs.add()
            node.store.kill()
            return "charged"
        }
        await node.log.wait(for: .storeFailed, count: 2)
        let elsewhere = node.another(try OperationPolicy(waitLimit: .zero))
        // The store comes back, and the claim still holds: the key was not given up.
        #expect(try await elsewhere.interceptor.outcome(key: key()) { _ in "no" }.isInProgress)
        await node.clock.waitForSleeper(within: .seconds(1))
        node.clock.advance(by: .seconds(31))
        do {
            _ = try await task.value
            Issue.record("a result that was not saved was returned as if it were")
        } catch let error as IdempotencyError {
            #expect(error.code == .resultNotSaved)
            #expect(try error.result(as: String.self) == "charged")
            #expect(!"\(error)".contains("charged"))
        }
        #expect(runs.value == 1)
        await node.interceptor.shutdown(within: .seconds(1))
        #expect(try #require(await node.memory.load(key())).record.isPending, "never released")
    }

    @Test("Scenario 16: whoever waits for a run whose result could not be recorded is not given that result")
    func unsavedResultIsNobodys() async throws {
        let node = Node()
        let finish = Gate()
        let leader = node.interceptor.start(key()) { _ in
            await finish.pass()
            node.store.kill()
            return "charged"
        }
        await node.log.wait(for: .claimed)
        let follower = node.interceptor.start(key()) { _ in "again" }
        await node.log.wait(for: .waiting)
        finish.open()
        await node.clock.waitForSleeper(within: .seconds(1))
        node.clock.advance(by: .seconds(31))
        #expect(await refusal { _ = try await leader.value } == .resultNotSaved)
        #expect(try await !follower.value.isReplay("charged"))
    }

    @Test("A handler that returns nothing leaves no result in the error of a lost lease")
    func lostLeaseOfVoid() async throws {
        let node = Node(try OperationPolicy(lease: .seconds(5), maximumRunTime: .seconds(5)))
        let other = node.another()
        node.store.loseRenewals()
        do {
            try await node.interceptor.idempotent(key: key()) { _ in
                node.clock.advance(by: .seconds(6))
                // A task that knows nothing of this one, as another process would.
                _ = try await Task.detached { try await other.interceptor.idempotent(key: key()) { _ in "B" } }.value
            }
            Issue.record("a lost lease went unnoticed")
        } catch let error as IdempotencyError {
            #expect(error.code == .leaseLost)
            #expect(try error.result(as: String.self) == nil)
        }
    }

    @Test("A store that comes back within the lease has the result")
    func savedAfterRetries() async throws {
        let node = Node()
        node.store.disturb(write: 2, .failBefore)
        node.store.disturb(load: 1, .failBefore)
        let task = node.interceptor.start(key()) { _ in "charged" }
        await node.log.wait(for: .storeFailed, count: 2)
        await node.clock.waitForSleeper(within: .seconds(1))
        node.clock.advance(by: .seconds(1))
        #expect(try await task.value.isRun("charged"))
        #expect(try await node.interceptor.outcome(key: key()) { _ in "no" }.isReplay("charged"))
    }

    @Test("Scenario 21: a result over the limit: the caller has it, a duplicate is told that it was not kept")
    func tooLarge() async throws {
        let node = Node(try OperationPolicy(maximumResultSize: 100))
        let runs = Counter()
        let large = try await node.interceptor.idempotent(key: key()) { _ in
            runs.add()
            return [UInt8](repeating: 1, count: 101)
        }
        #expect(large.count == 101)
        #expect(
            await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in [UInt8]() } } == .resultNotKept
        )
        let fits = try await node.interceptor.idempotent(key: key("k-2")) { _ in [UInt8](repeating: 1, count: 100) }
        #expect(fits.count == 100)
        #expect(try await node.interceptor.idempotent(key: key("k-2")) { _ in [UInt8]() } == fits)
        #expect(runs.value == 1)
    }

    private struct Unencodable: Codable {
        func encode(to encoder: any Encoder) throws { throw Boom() }
        init(from decoder: any Decoder) throws { throw Boom() }
        init() {}
    }

    @Test(
        "Scenario 21: a result that cannot be encoded: the caller has it, a duplicate is told, and nothing runs again"
    )
    func notEncodable() async throws {
        let node = Node()
        let runs = Counter()
        _ = try await node.interceptor.idempotent(key: key()) { _ in
            runs.add()
            return Unencodable()
        }
        let again = await refusal {
            _ = try await node.interceptor.idempotent(key: key()) { _ in
                runs.add()
                return Unencodable()
            }
        }
        #expect(again == .resultNotKept)
        #expect(runs.value == 1)
    }

    @Test("Scenario 22: store down at the claim, closed: nothing runs")
    func failClosed() async throws {
        let node = Node()
        node.store.kill()
        let runs = Counter()
        let code = await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } }
        #expect(code == .storeUnavailable)
        #expect(runs.value == 0)
    }

    @Test("Scenario 22: a claim that timed out but landed is released in the background, before its lease is over")
    func timedOutClaimIsReleased() async throws {
        let node = Node()
        node.store.disturb(write: 1, .loseReply)
        node.store.disturb(load: 1, .failBefore)
        #expect(await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in 1 } } == .storeUnavailable)
        await node.log.wait(for: .released)
        #expect(try await node.interceptor.status(of: key()) == .retryable(attempt: 0))
        #expect(try await node.interceptor.idempotent(key: key()) { $0.attempt } == 1)
    }

    @Test("Scenario 22: store down at the claim, open: runs without a token, and is reported")
    func failOpen() async throws {
        let node = Node(try OperationPolicy(storeFailure: .failOpen))
        node.store.kill()
        let outcome = try await node.interceptor.outcome(key: key()) { $0.token == nil }
        #expect(outcome.isRun(true))
        #expect(node.log.count(.failedOpen) == 1)
    }

    @Test("Fail open runs nothing over a record that was seen to be unknown before the store went away")
    func failOpenOverUnknown() async throws {
        let node = Node(try OperationPolicy(lapse: .reconcile { _ in .done("kept") }, storeFailure: .failOpen))
        _ = try? await node.interceptor.idempotent(key: key()) { _ -> String in throw Boom() }
        node.store.disturb(write: 2, .failBefore)
        node.store.disturb(load: 1, .failBefore)
        let runs = Counter()
        let code = await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in runs.add() } }
        #expect(code == .storeUnavailable)
        #expect(runs.value == 0)
    }

    @Test("Fail open: a handler that calls with its own key from inside gets a clear error")
    func failOpenRecursion() async throws {
        let node = Node(try OperationPolicy(waitLimit: .zero, storeFailure: .failOpen))
        node.store.kill()
        let code = await refusal {
            _ = try await node.interceptor.idempotent(key: key()) { _ in
                try await node.interceptor.idempotent(key: key()) { _ in 1 }
            }
        }
        #expect(code == .recursiveCall)
    }

    @Test("Fail open with a claim that landed unseen: the result is recorded once the store is back")
    func failOpenSettles() async throws {
        let node = Node(try OperationPolicy(storeFailure: .failOpen))
        node.store.disturb(write: 1, .loseReply)
        node.store.disturb(load: 1, .failBefore)
        #expect(try await node.interceptor.outcome(key: key()) { _ in "ran" }.isRun("ran"))
        await node.interceptor.shutdown(within: .seconds(1))
        #expect(try await node.another().interceptor.outcome(key: key()) { _ in "no" }.isReplay("ran"))
    }

    @Test("Attempts are capped: failed if all are known to have had no effect")
    func attemptsCappedWithoutEffect() async throws {
        let node = Node(try OperationPolicy(maximumAttempts: 2))
        for _ in 1...2 {
            _ = try? await node.interceptor.idempotent(key: key()) { _ -> Int in throw EffectDidNotHappen(Boom()) }
        }
        for _ in 1...2 {
            #expect(
                await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in 1 } } == .attemptsExhausted
            )
        }
        guard case .failed(attempt: 2, _) = try await node.interceptor.status(of: key()) else {
            Issue.record("not failed")
            return
        }
    }

    @Test("Attempts are capped: unknown if one of them may have taken effect")
    func attemptsCappedUnknown() async throws {
        let node = Node(try OperationPolicy(maximumAttempts: 2))
        _ = try? await node.interceptor.idempotent(key: key()) { _ -> Int in throw Boom() }
        _ = try? await node.interceptor.idempotent(key: key()) { _ -> Int in throw EffectDidNotHappen(Boom()) }
        for _ in 1...2 {
            #expect(
                await refusal { _ = try await node.interceptor.idempotent(key: key()) { _ in 1 } } == .attemptsExhausted
            )
        }
        #expect(try await node.interceptor.status(of: key()) == .lapsed(attempt: 2, .attemptsExhausted, .refuse))
    }
}
