import Idempotency
import InMemoryLogging
import Logging
import Testing

@testable import IdempotencyObservability

@Suite("Logging", .timeLimit(.minutes(10)))
struct LoggingObserverTests {
    private let handler: InMemoryLogHandler
    private let logger: Logger

    init() {
        let handler = InMemoryLogHandler()
        self.handler = handler
        var logger = Logger(label: "test") { _ in handler }
        logger.logLevel = .trace
        self.logger = logger
    }

    private func entry(_ kind: IdempotencyEvent.Kind) throws -> InMemoryLogHandler.Entry {
        try #require(handler.entries.first { $0.metadata["idempotency.event"] == "\(kind)" })
    }

    @Test("Every kind has a level and words of its own", arguments: IdempotencyEvent.Kind.allCases)
    func everyKindIsKnown(_ kind: IdempotencyEvent.Kind) {
        #expect(LogEntry.entries[kind] != nil)
        #expect(LogEntry.entries.values.count { $0.message == LogEntry.entry(for: kind).message } == 1)
    }

    @Test("Every event is logged once, at its kind's level, with its operation")
    func everyEventIsLogged() async throws {
        let node = try await EveryKind.happens(tellingAlso: LoggingObserver(logger: logger))
        let entries = handler.entries
        for kind in IdempotencyEvent.Kind.allCases {
            let ofKind = entries.filter { $0.metadata["idempotency.event"] == "\(kind)" }
            #expect(ofKind.count == node.log.count(kind), "\(kind)")
            #expect(ofKind.allSatisfy { $0.level == LoggingObserver.standardLevel(of: kind) }, "\(kind)")
            #expect(ofKind.allSatisfy { $0.metadata["idempotency.operation"] == "charge" }, "\(kind)")
        }
        #expect(entries.count == node.log.events.count)
    }

    @Test("No entry holds a key's value, a payload, a result, an error's text, a tenant or a principal")
    func nothingLeaks() async throws {
        _ = try await EveryKind.happens(tellingAlso: LoggingObserver(logger: logger))
        let text = handler.entries.map { "\($0)" }.joined()
        #expect(text.contains("TalkativeError"))
        #expect(!text.contains(Secret.marker))
        #expect(handler.entries.allSatisfy { $0.error == nil })
    }

    @Test("Tenant, principal and an error's text are told when they are asked for, and a key's value never")
    func disclosure() async throws {
        let observer = LoggingObserver(logger: logger, disclosing: [.tenant, .principal, .unsafeErrorText])
        _ = try await EveryKind.happens(tellingAlso: observer)
        let failed = try entry(.storeFailed).metadata
        #expect(failed["idempotency.tenant"] == "t-\(Secret.marker)")
        #expect(failed["idempotency.principal"] == "p-\(Secret.marker)")
        #expect(failed["idempotency.error.text"] == "\(TalkativeError())")
        #expect(!handler.entries.contains { "\($0)".contains("answered-\(Secret.marker)") })
    }

    @Test("An entry has what its event has: state, attempt, duration in seconds, type and code of the error")
    func metadata() async throws {
        _ = try await EveryKind.happens(tellingAlso: LoggingObserver(logger: logger))
        let lost = try entry(.leaseLost).metadata
        #expect(lost["idempotency.duration_seconds"] == "51.0")
        #expect(lost["idempotency.attempt"] == "1")
        #expect(lost["idempotency.state"] == nil)
        #expect(try entry(.replayed).metadata["idempotency.state"] == "done")
        #expect(try entry(.takenOver).metadata["idempotency.attempt"] == "2")
        let broken = try entry(.storeBroken).metadata
        #expect(broken["idempotency.error.type"] == "IdempotencyError")
        #expect(broken["idempotency.error.code"] == "brokenStore")
        #expect(broken["idempotency.attempt"] == nil)
        let failed = try entry(.storeFailed).metadata
        #expect(failed["idempotency.error.type"] == "TalkativeError")
        #expect(failed["idempotency.error.code"] == nil)
    }

    @Test("A service sets the level of an event, or keeps it out of the log")
    func levels() async throws {
        let observer = LoggingObserver(logger: logger) { event in
            switch event.kind {
            case .claimed: nil
            case .completed: .info
            default: LoggingObserver.standardLevel(of: event.kind)
            }
        }
        let node = Node(tellingAlso: observer)
        for _ in 1...2 { _ = try await node.interceptor.idempotent(key: Secret.key()) { _ in 1 } }
        #expect(handler.entries.map(\.level) == [.info, .debug])
    }

    @Test("A logger that does not take an event's level gets nothing of it")
    func loggersOwnLevel() async throws {
        var quiet = logger
        quiet.logLevel = .critical
        _ = try await EveryKind.happens(tellingAlso: LoggingObserver(logger: quiet))
        #expect(!handler.entries.isEmpty)
        #expect(handler.entries.allSatisfy { $0.metadata["idempotency.event"] == "storeBroken" })
    }

    @Test(
        "What endangers the promise is at least a warning, and what is part of every run is at most for debugging",
        arguments: IdempotencyEvent.Kind.allCases
    )
    func sensibleLevels(_ kind: IdempotencyEvent.Kind) {
        let loud: [IdempotencyEvent.Kind] = [
            .notRenewed, .storeFailed, .leaseLost, .unknown, .unsaved, .failedOpen, .storeBroken,
        ]
        let quiet: [IdempotencyEvent.Kind] = [
            .claimed, .completed, .failed, .replayed, .waiting, .waited, .renewed, .released,
        ]
        let level = LoggingObserver.standardLevel(of: kind)
        #expect((level >= .warning) == loud.contains(kind))
        #expect((level <= .debug) == quiet.contains(kind))
        #expect((level == .critical) == (kind == .storeBroken))
    }
}
