import IdempotencyTesting
import TestSupport
import Testing

@testable import Idempotency

@Suite("Timers", .timeLimit(.minutes(10)))
struct TimersTests {
    private let clock = ManualClock()
    private let timers: Timers
    private let runtime: IdempotencyRuntime

    init() {
        runtime = IdempotencyRuntime(
            clock: clock,
            executor: globalConcurrentExecutor,
            random: SeededGenerator(seed: 1)
        )
        timers = Timers(runtime)
    }

    @Test("Short timers beside a long one do not leave sleeping tasks behind")
    func fewSleepers() async {
        let start = runtime.time.now()
        _ = timers.schedule(at: start + 3_600_000_000_000) {}
        for number in 1...200 {
            let fired = Gate()
            _ = timers.schedule(at: start + Nanoseconds(number) * 1_000_000) { fired.open() }
            await clock.waitForSleeper(within: .milliseconds(1))
            clock.advance(by: .milliseconds(1))
            await fired.pass()
        }
        #expect(clock.sleeperCount < 10)
    }

    @Test("An action is called at its time and not before; one that was cancelled never")
    func actions() async {
        let start = runtime.time.now()
        let first = Gate()
        let last = Gate()
        let cancelled = Counter()
        _ = timers.schedule(at: start + 1000) { first.open() }
        let id = timers.schedule(at: start + 2000) { _ = cancelled.add() }
        let early = Counter()
        _ = timers.schedule(at: start + 3000) {
            early.add()
            last.open()
        }
        timers.cancel(id)
        await clock.waitForSleeper(within: .nanoseconds(1000))
        clock.advance(by: .nanoseconds(1000))
        await first.pass()
        #expect(early.value == 0)
        await clock.waitForSleeper(within: .nanoseconds(2000))
        clock.advance(by: .nanoseconds(2000))
        await last.pass()
        #expect(cancelled.value == 0)
    }
}
