import IdempotencyInMemory
import Testing

@testable import Idempotency

@Suite("What the library does by itself stays small", .timeLimit(.minutes(1)))
struct BackgroundTests {
    @Test("One timer renews any number of runs, however their leases differ")
    func oneTimer() async throws {
        let node = Node()
        let finish = Gate()
        let long = await node.run(key("long"), until: finish)
        let short = node.interceptor.applying(
            try OperationPolicy(lease: .milliseconds(300), maximumRunTime: .seconds(1))
        )
        for index in 1...50 {
            let isRenewed = Gate()
            let run = short.start(key("short-\(index)")) { _ in
                await isRenewed.pass()
                return "B"
            }
            await node.log.wait(for: .claimed, count: index + 1)
            await node.clock.waitForSleeper(within: .milliseconds(100))
            node.clock.advance(by: .milliseconds(100))
            await node.log.wait(for: .renewed, count: index)
            isRenewed.open()
            #expect(try await run.value.isRun("B"))
            #expect(node.interceptor.engine.timers.count <= 2)
        }
        finish.open()
        _ = try await long.value
    }

    @Test("An earlier look takes the place of a later one")
    func earlierLook() {
        let node = Node()
        let now = node.interceptor.engine.runtime.time.now()
        for seconds in (1...50).reversed() {
            node.interceptor.engine.keeper.watch(dueAt: now + Nanoseconds(seconds) * 1_000_000_000)
            #expect(node.interceptor.engine.timers.count == 1)
        }
    }

    @Test("A renewal that takes long is not asked for a second time")
    func oneRenewal() async throws {
        let node = Node()
        let finish = Gate()
        let hold = Gate()
        let run = await node.run(key(), until: finish)
        node.store.disturb(write: 1, .hold(hold))
        // Due after 10 s, and again after 15 and 20, while the first is still on its way.
        for seconds in [10, 5, 5] {
            await node.clock.waitForSleeper(within: .seconds(seconds))
            node.clock.advance(by: .seconds(seconds))
            await node.store.waitForWrites(2)
        }
        await node.clock.waitForSleeper(within: .seconds(5))
        hold.open()
        await node.log.wait(for: .renewed)
        finish.open()
        #expect(try await run.value.isRun("A"))
        #expect(node.store.writes == 3, "the claim, the renewal, the finish")
    }

    @Test("A store that is away is asked once a pause, however many calls have left something to settle")
    func oneSettler() async throws {
        let node = Node()
        node.store.kill()
        for index in 1...200 {
            let code = await refusal { _ = try await node.interceptor.idempotent(key: key("k-\(index)")) { _ in 1 } }
            #expect(code == .storeUnavailable)
        }
        for _ in 1...3 {
            await node.clock.waitForSleeper(within: .seconds(5))
            let before = node.store.operations
            node.clock.advance(by: .seconds(5))
            await node.clock.waitForSleeper(within: .seconds(5))
            #expect(node.store.operations <= before + 1)
        }
        // It is back, and nothing has landed: it is asked for each key, and no more once a lease is over.
        node.store.revive()
        node.clock.advance(by: .seconds(31))
        #expect(await node.interceptor.shutdown(within: .seconds(60)) == 0)
    }
}
