import CoreMetrics
import Idempotency
import IdempotencyInMemory
import IdempotencyObservability
import IdempotencyTesting
import MetricsTestKit
import Synchronization
import Testing

private let events = "idempotency_events_total"
private let details = "idempotency_event_details_total"
private let runs = "idempotency_run_duration_seconds"
private let waits = "idempotency_wait_duration_seconds"

@Suite("Metrics", .timeLimit(.minutes(10)))
struct MetricsObserverTests {
    private let metrics = TestMetrics()

    private func total(_ label: String, _ dimensions: [(String, String)]) -> Int64 {
        metrics.counterTotal(label: label, dimensions: dimensions)
    }

    private func values(of name: String) -> Set<String> {
        let dimensions = metrics.counters.flatMap(\.dimensions) + metrics.timers.flatMap(\.dimensions)
        return Set(dimensions.filter { $0.0 == name }.map(\.1))
    }

    @Test("Every event is counted, under its operation and its kind, by both counters")
    func everyEventIsCounted() async throws {
        let node = try await EveryKind.happens(tellingAlso: MetricsObserver(factory: metrics))
        for kind in IdempotencyEvent.Kind.allCases {
            let expected = Int64(node.log.count(kind))
            #expect(expected > 0)
            #expect(
                try metrics.expectCounter(events, [("operation", "charge"), ("event", "\(kind)")]).totalValue
                    == expected
            )
            #expect(total(details, [("operation", "charge"), ("event", "\(kind)")]) == expected, "\(kind)")
        }
    }

    @Test("The details tell the state, and the library's code of an error or `other`")
    func detailDimensions() async throws {
        _ = try await EveryKind.happens(tellingAlso: MetricsObserver(factory: metrics))
        #expect(total(details, [("event", "replayed"), ("state", "done"), ("error", "none")]) > 0)
        #expect(total(details, [("event", "replayed"), ("state", "failed")]) == 1)
        #expect(total(details, [("event", "storeBroken"), ("state", "none"), ("error", "brokenStore")]) > 0)
        #expect(total(details, [("event", "storeFailed"), ("error", "other")]) > 0)
        #expect(values(of: "state").isSubset(of: RecordState.allCases.map(\.rawValue) + ["none"]))
        #expect(values(of: "event") == Set(IdempotencyEvent.Kind.allCases.map(\.description)))
    }

    @Test("All series of one metric have the same names of dimensions, which some backends insist on")
    func sameNames() async throws {
        _ = try await EveryKind.happens(tellingAlso: MetricsObserver(factory: metrics))
        let series =
            metrics.counters.map { ($0.label, $0.dimensions) } + metrics.timers.map { ($0.label, $0.dimensions) }
        var names: [String: Set<[String]>] = [:]
        for (label, dimensions) in series { names[label, default: []].insert(dimensions.map(\.0)) }
        #expect(
            names == [
                events: [["operation", "event"]], details: [["operation", "event", "state", "error"]],
                runs: [["operation", "event"]], waits: [["operation"]],
            ]
        )
    }

    @Test("No label, dimension or value holds a secret")
    func nothingLeaks() async throws {
        _ = try await EveryKind.happens(tellingAlso: MetricsObserver(factory: metrics))
        let text =
            metrics.counters.map { "\($0.label) \($0.dimensions)" }.joined()
            + metrics.timers.map { "\($0.label) \($0.dimensions)" }.joined()
        #expect(text.contains("charge"))
        #expect(!text.contains(Secret.marker))
    }

    @Test("Runs are timed by how they ended, waits by themselves, to be shown in seconds")
    func durations() async throws {
        let node = Node(tellingAlso: MetricsObserver(factory: metrics))
        let finish = Gate()
        let first = await node.run(Secret.key(), until: finish)
        let second = Task { try await node.interceptor.outcome(key: Secret.key()) { _ in "" } }
        await node.log.wait(for: .waiting)
        // Two timers: of the lease, and of the wait.
        await node.clock.waitForSleeper(within: .seconds(10))
        node.clock.advance(by: .seconds(3))
        finish.open()
        _ = try await first.value
        _ = try await second.value
        _ = try? await node.interceptor.outcome(key: Secret.key("fails")) { _ -> String in
            node.clock.advance(by: .milliseconds(250))
            throw TalkativeError()
        }
        let run = try metrics.expectTimer(runs, [("operation", "charge"), ("event", "completed")])
        #expect(run.values == [3_000_000_000])
        #expect(run.displayUnit == .seconds)
        #expect(try metrics.expectTimer(runs, [("operation", "charge"), ("event", "failed")]).values == [250_000_000])
        #expect(try metrics.expectTimer(waits, [("operation", "charge")]).values == [3_000_000_000])
        #expect(metrics.timers.count == 3)
    }

    @Test("With 10,000 operations a hundred have a label, all others share one, and every event is counted")
    func boundedOperations() async throws {
        let observer = MetricsObserver(factory: metrics)
        let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore(), observer: observer)
        for number in 1...10_000 {
            let key = Secret.key(operation: "GET /users/\(number)")
            _ = try await interceptor.idempotent(key: key) { _ in number }
        }
        let operations = values(of: "operation")
        #expect(operations.count == 101)
        #expect(operations.contains("GET /users/100") && operations.contains("other"))
        #expect(total(events, [("event", "completed")]) == 10_000)
        #expect(total(events, [("operation", "other"), ("event", "completed")]) == 9900)
        #expect(metrics.counters.count <= 101 * (IdempotencyEvent.Kind.allCases.count + 2))
        #expect(metrics.timers.count == 101)
    }

    @Test("What is known beforehand has its label and its zeros at once, and takes no other's place away from it")
    func knownOperations() async throws {
        let factory = CountingFactory(metrics)
        let operations = ["charge", "charge", "refund"]
        let observer = MetricsObserver(factory: factory, operations: operations, maximumOperations: 2)
        #expect(factory.made == 2 * IdempotencyEvent.Kind.allCases.count)
        for kind in IdempotencyEvent.Kind.allCases {
            #expect(try metrics.expectCounter(events, [("operation", "refund"), ("event", "\(kind)")]).totalValue == 0)
        }
        let node = Node(tellingAlso: observer)
        for operation in ["strange", "other", "charge"] {
            _ = try await node.interceptor.idempotent(key: Secret.key(operation: operation)) { _ in 1 }
        }
        #expect(values(of: "operation") == ["charge", "refund", "other"])
        #expect(total(events, [("operation", "charge"), ("event", "claimed")]) == 1)
        #expect(total(events, [("operation", "other"), ("event", "claimed")]) == 2)
    }

    @Test("Each metric is made once, however many tasks meet it first")
    func madeOnce() async throws {
        let factory = CountingFactory(metrics)
        let observer = MetricsObserver(factory: factory)
        let interceptor = IdempotencyInterceptor(store: InMemoryIdempotencyStore(), observer: observer)
        await withTaskGroup { group in
            for task in 1...8 {
                group.addTask {
                    for call in 1...100 {
                        let key = Secret.key("\(task)-\(call)", operation: "operation \(call % 10)")
                        _ = try? await interceptor.idempotent(key: key) { _ in call }
                    }
                }
            }
        }
        #expect(total(events, [("event", "completed")]) == 800)
        #expect(factory.made == metrics.counters.count + metrics.timers.count)
    }

    @Test("Without a factory, the one that is bound when the observer is made counts")
    func boundFactory() async throws {
        let node = withMetricsFactory(metrics) { Node(tellingAlso: MetricsObserver()) }
        _ = try await node.interceptor.idempotent(key: Secret.key()) { _ in 1 }
        #expect(total(events, [("event", "completed")]) == 1)
    }
}

/// Counts what it is asked to make.
private final class CountingFactory: MetricsFactory {
    private let base: TestMetrics
    private let count = Atomic(0)

    init(_ base: TestMetrics) { self.base = base }

    var made: Int { count.load(ordering: .relaxed) }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        count.add(1, ordering: .relaxed)
        return base.makeCounter(label: label, dimensions: dimensions)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        count.add(1, ordering: .relaxed)
        return base.makeTimer(label: label, dimensions: dimensions)
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        base.makeMeter(label: label, dimensions: dimensions)
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        base.makeRecorder(label: label, dimensions: dimensions, aggregate: aggregate)
    }

    func destroyCounter(_ handler: any CounterHandler) { base.destroyCounter(handler) }
    func destroyTimer(_ handler: any TimerHandler) { base.destroyTimer(handler) }
    func destroyMeter(_ handler: any MeterHandler) { base.destroyMeter(handler) }
    func destroyRecorder(_ handler: any RecorderHandler) { base.destroyRecorder(handler) }
}
