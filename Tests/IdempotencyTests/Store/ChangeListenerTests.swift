import IdempotencyTesting
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

@Suite("Who listens for other processes' changes", .timeLimit(.minutes(1)))
struct ChangeListenerTests {
    private let ear = Ear()
    private let subscribers = ChangeSubscribers()
    private let closed = IdempotencyError(code: .storeUnavailable, message: "The store is closed.")

    private func key(_ value: String) throws -> IdempotencyKey { try IdempotencyKey(operation: "charge", value: value) }

    @Test("Many that begin to wait at once share one subscription, and each one's key is marked")
    func oneSubscription() async throws {
        let listener = ChangeListener(ear, subscribers, closed: closed)
        let gate = Gate()
        ear.onSubscribe.update { $0 = { _ in await gate.pass() } }
        let keys = try (0..<50).map { try key("k-\($0)") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for key in keys {
                group.addTask { _ = try await listener.subscribe(to: key, reference: key.reference) {} }
            }
            while ear.begun.value == 0 || subscribers.keys.count < 50 { await Task.yield() }
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
        let listener = ChangeListener(ear, subscribers, closed: closed)
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
        let listener = ChangeListener(ear, subscribers, closed: closed)
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
        let clock = ManualClock()
        let runtime = IdempotencyRuntime(
            clock: clock,
            executor: globalConcurrentExecutor,
            random: SystemRandomNumberGenerator()
        )
        let listener = ChangeListener(ear, subscribers, closed: closed, runtime: runtime)
        func second() async {
            await clock.waitForSleeper(within: .seconds(1))
            clock.advance(by: .seconds(1))
        }
        let wakes = Counter()
        let subscription = try await listener.subscribe(to: key("a"), reference: "a") { wakes.add() }
        await second()
        await clock.waitForSleeper(within: .seconds(1))
        #expect(wakes.value == 1)
        #expect(try ear.marked.value == [key("a"), key("a")])
        subscription.cancel()
        for _ in 0..<4 { await second() }
        await clock.waitForSleeper(within: .seconds(1))
        #expect(ear.ended.value == 0)
        await second()
        while ear.ended.value == 0 { await Task.yield() }
        // Whoever waits next begins anew.
        _ = try await listener.subscribe(to: key("b"), reference: "b") {}
        #expect(ear.begun.value == 2)
        await second()
        await clock.waitForSleeper(within: .seconds(1))
        listener.close()
        await second()
    }

    @Test("Where listening fails, whoever waits is told, and is no subscriber; it is not tried again at once")
    func refused() async throws {
        let listener = ChangeListener(ear, subscribers, closed: closed)
        ear.onSubscribe.update { $0 = { _ in throw Ear.Gone() } }
        for _ in 0..<100 {
            await #expect(throws: Ear.Gone.self) { _ = try await listener.subscribe(to: key("a"), reference: "a") {} }
        }
        #expect(subscribers.isEmpty)
        #expect(ear.begun.value < 100)
        listener.close()
    }

    @Test("Without anything to listen to, those that wait look often")
    func deaf() async throws {
        let listener = ChangeListener(nil, subscribers, closed: closed)
        let wakes = Counter()
        let subscription = try await listener.subscribe(to: key("a"), reference: "a") { wakes.add() }
        while wakes.value < 3 { try await Task.sleep(for: .milliseconds(1)) }
        subscription.cancel()
        listener.close()
    }

    @Test("After its end nobody begins to wait, and a subscription that was still being made is ended")
    func ended() async throws {
        let listener = ChangeListener(ear, subscribers, closed: closed)
        let gate = Gate()
        ear.onSubscribe.update { $0 = { _ in await gate.pass() } }
        async let waiting = listener.subscribe(to: key("a"), reference: "a") {}
        while ear.begun.value == 0 { await Task.yield() }
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
