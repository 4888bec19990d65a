import IdempotencyTesting
import TestSupport
import Testing

@testable import Idempotency

/// A server that tells of changes: in this process, and when a test says so.
private final class Ear: ChangeSource {
    private struct Ending: StoreSubscription {
        let ended: Counter
        func cancel() { ended.add() }
    }

    struct Gone: Error {}

    let begun = Counter()
    let ended = Counter()
    let marked = Shared<[IdempotencyKey]>([])
    let onChange = Shared<(@Sendable (String?) -> Void)?>(nil)
    /// What happens when somebody begins to listen.
    let onSubscribe = Shared<@Sendable (Ear) async throws -> Void>({ _ in })

    func subscribe(_ onChange: @escaping @Sendable (String?) -> Void) async throws -> any StoreSubscription {
        begun.add()
        self.onChange.update { $0 = onChange }
        try await onSubscribe.value(self)
        return Ending(ended: ended)
    }

    func mark(_ keys: [IdempotencyKey]) { marked.update { $0 += keys } }
}

@Suite("Who listens for other processes' changes", .timeLimit(.minutes(10)))
struct ChangeListenerTests {
    private let ear = Ear()
    private let subscribers = ChangeSubscribers()
    private let clock = ManualClock()
    private let executor = TrackingExecutor()

    private func listener(_ source: (any ChangeSource)?) -> ChangeListener {
        ChangeListener(
            source,
            subscribers,
            closed: IdempotencyError(code: .storeUnavailable, message: "The store is closed."),
            runtime: IdempotencyRuntime(
                clock: clock,
                executor: executor,
                random: SystemRandomNumberGenerator()
            )
        )
    }

    /// Lets the time go on to the next look.
    private func pass(_ span: Duration) async {
        await clock.waitForSleeper(within: span)
        clock.advance(by: span)
    }

    private func key(_ value: String) throws -> IdempotencyKey { try IdempotencyKey(operation: "charge", value: value) }

    @Test("Many that begin to wait at once share one subscription, and each one's key is marked")
    func oneSubscription() async throws {
        let listener = listener(ear)
        let gate = Gate()
        ear.onSubscribe.update { $0 = { _ in await gate.pass() } }
        let keys = try (0..<50).map { try key("k-\($0)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for key in keys {
                group.addTask(executorPreference: executor) {
                    _ = try await listener.subscribe(to: key, reference: key.reference) {}
                }
            }
            await ear.begun.wait(for: 1)
            await executor.waitUntilIdle()
            #expect(subscribers.keys.count == 50)
            gate.open()
            try await group.waitForAll()
        }
        #expect(ear.begun.value == 1)
        #expect(Set(ear.marked.value) == Set(keys))
        listener.close()
        #expect(ear.ended.value == 1)
    }

    @Test("A change wakes those that wait for its key, and nobody else")
    func woken() async throws {
        let listener = listener(ear)
        let (first, second) = (Counter(), Counter())
        let subscription = try await listener.subscribe(to: key("a"), reference: "a") { first.add() }
        _ = try await listener.subscribe(to: key("b"), reference: "b") { second.add() }
        ear.onChange.value?("a")
        #expect(first.value == 1)
        #expect(second.value == 0)
        subscription.cancel()
        ear.onChange.value?("a")
        #expect(first.value == 1)
        listener.close()
    }

    @Test("A subscription that is lost, even as it is confirmed, wakes everybody; the next that waits begins another")
    func lost() async throws {
        let listener = listener(ear)
        ear.onSubscribe.update { $0 = { $0.onChange.value?(nil) } }
        let wakes = Counter()
        _ = try await listener.subscribe(to: key("a"), reference: "a") { wakes.add() }
        #expect(wakes.value == 1)
        // What was lost is ended as well.
        #expect(ear.ended.value == 1)
        ear.onSubscribe.update { $0 = { _ in } }
        _ = try await listener.subscribe(to: key("b"), reference: "b") {}
        #expect(ear.begun.value == 2)
        // Something may have changed while nothing was heard.
        #expect(wakes.value == 2)
        ear.onChange.value?(nil)
        #expect(wakes.value == 3)
        #expect(ear.ended.value == 2)
        listener.close()
    }

    @Test("Everybody looks once a second; when nobody has waited for five looks, nothing is listened to")
    func idle() async throws {
        let listener = listener(ear)
        let wakes = Counter()
        let subscription = try await listener.subscribe(to: key("a"), reference: "a") { wakes.add() }
        await pass(.seconds(1))
        await clock.waitForSleeper(within: .seconds(1))
        #expect(wakes.value == 1)
        #expect(try ear.marked.value == [key("a"), key("a")])
        subscription.cancel()
        for _ in 0..<4 { await pass(.seconds(1)) }
        await clock.waitForSleeper(within: .seconds(1))
        #expect(ear.ended.value == 0)
        await pass(.seconds(1))
        await ear.ended.wait(for: 1)
        // Whoever waits next begins anew.
        _ = try await listener.subscribe(to: key("b"), reference: "b") {}
        #expect(ear.begun.value == 2)
        await pass(.seconds(1))
        await clock.waitForSleeper(within: .seconds(1))
        listener.close()
        await pass(.seconds(1))
    }

    @Test("Where listening fails, whoever waits is told, and is no subscriber; it is not tried again at once")
    func refused() async throws {
        let listener = listener(ear)
        ear.onSubscribe.update { $0 = { _ in throw Ear.Gone() } }
        for _ in 0..<100 {
            await #expect(throws: Ear.Gone.self) { _ = try await listener.subscribe(to: key("a"), reference: "a") {} }
        }
        #expect(subscribers.isEmpty)
        #expect(ear.begun.value == 1)
        clock.advance(by: .seconds(2))
        ear.onSubscribe.update { $0 = { _ in } }
        _ = try await listener.subscribe(to: key("a"), reference: "a") {}
        #expect(ear.begun.value == 2)
        listener.close()
    }

    @Test("Without anything to listen to, those that wait look often")
    func deaf() async throws {
        let listener = listener(nil)
        let wakes = Counter()
        let subscription = try await listener.subscribe(to: key("a"), reference: "a") { wakes.add() }
        for _ in 0..<3 { await pass(.milliseconds(25)) }
        await clock.waitForSleeper(within: .milliseconds(25))
        #expect(wakes.value == 3)
        subscription.cancel()
        listener.close()
    }

    @Test("After its end nobody begins to wait, and a subscription that was still being made is ended")
    func ended() async throws {
        let listener = listener(ear)
        let gate = Gate()
        ear.onSubscribe.update { $0 = { _ in await gate.pass() } }
        async let waiting = listener.subscribe(to: key("a"), reference: "a") {}
        await ear.begun.wait(for: 1)
        listener.close()
        gate.open()
        _ = try await waiting
        #expect(ear.ended.value == 1)
        let error = await #expect(throws: IdempotencyError.self) {
            _ = try await listener.subscribe(to: key("b"), reference: "b") {}
        }
        #expect(error?.code == .storeUnavailable)
        #expect(ear.begun.value == 1)
    }
}
