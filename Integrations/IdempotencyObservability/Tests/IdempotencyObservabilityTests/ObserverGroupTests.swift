import Idempotency
import IdempotencyObservability
import Testing

@Suite("Observer group", .timeLimit(.minutes(10)))
struct ObserverGroupTests {
    @Test("Each observer is told of each event")
    func tellsAll() async throws {
        let (first, second) = (EventLog(), EventLog())
        let node = Node(tellingAlso: first, ObserverGroup(second))
        for _ in 1...2 { _ = try await node.interceptor.idempotent(key: Secret.key()) { _ in 1 } }
        #expect(node.log.events.map(\.kind) == [.claimed, .completed, .replayed])
        #expect(first.events.map(\.kind) == node.log.events.map(\.kind))
        #expect(second.events.map(\.kind) == node.log.events.map(\.kind))
    }

    @Test("The engine of these tests tells of every kind of event")
    func everyKind() async throws {
        let seen = Set(try await EveryKind.happens(tellingAlso: ObserverGroup()).log.events.map(\.kind))
        #expect(seen == Set(IdempotencyEvent.Kind.allCases))
    }
}
