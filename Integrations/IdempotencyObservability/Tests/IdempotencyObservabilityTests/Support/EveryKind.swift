import Idempotency
import IdempotencyTesting

/// Lets the real engine tell of every kind of event that there is, with secrets in all that it handles.
enum EveryKind {
    /// - Returns: The node, whose log has seen what the observer has.
    static func happens(tellingAlso observer: any IdempotencyObserver) async throws -> Node {
        let node = Node(tellingAlso: observer)
        try await answers(node)
        try await waits(node)
        try await observesOnly(node)
        try await failsAndIsSettled(node)
        try await failsWithoutStore(node)
        await outlivesItsLease(node)
        return node
    }

    /// Claimed, completed, replayed, mismatched, failed, revoked, released.
    private static func answers(_ node: Node) async throws {
        let key = Secret.key("answered")
        for _ in 1...2 {
            _ = try await node.interceptor.idempotent(key: key, fingerprint: Secret.payload("a")) { _ in Secret.marker }
        }
        _ = try? await node.interceptor.idempotent(key: key, fingerprint: Secret.payload("b")) { _ in Secret.marker }
        for _ in 1...2 {
            _ = try? await node.interceptor.idempotent(key: Secret.key("declined"), failures: Declined.self) {
                _ -> String in throw Declined()
            }
        }
        try await node.interceptor.revoke(key: Secret.key("revoked"))
        node.store.cancelNextWriter()
        _ = await Task { try await node.interceptor.outcome(key: Secret.key("gone")) { _ in Secret.marker } }.result
    }

    /// Waiting, waited; refused.
    private static func waits(_ node: Node) async throws {
        let finish = Gate()
        let first = await node.run(Secret.key("slow"), until: finish)
        let second = Task { try await node.interceptor.outcome(key: Secret.key("slow")) { _ in Secret.marker } }
        await node.log.wait(for: .waiting)
        let hasty = node.interceptor.applying(try OperationPolicy(waitLimit: .zero))
        _ = try await hasty.outcome(key: Secret.key("slow")) { _ in Secret.marker }
        finish.open()
        _ = try await first.value
        _ = try await second.value
    }

    /// What would have been replayed or refused.
    private static func observesOnly(_ node: Node) async throws {
        let observing = node.interceptor.applying(try OperationPolicy(mode: .observeOnly))
        for payload in ["a", "b"] {
            let fingerprint = Secret.payload(payload)
            _ = try await observing.outcome(key: Secret.key("answered"), fingerprint: fingerprint) { _ in Secret.marker
            }
        }
    }

    /// Unknown, settled.
    private static func failsAndIsSettled(_ node: Node) async throws {
        let strict = node.interceptor.applying(try OperationPolicy(lapse: .refuse))
        let key = Secret.key("unknown")
        _ = try? await strict.outcome(key: key) { _ -> String in throw TalkativeError() }
        _ = try await strict.outcome(key: key) { _ in Secret.marker }
        let administration = RecordAdministration(store: node.memory, observer: node.observer)
        let page = try await administration.list(RecordQuery(states: [.lapsed]))
        for record in page.records {
            _ = try await administration.settle(
                record.key,
                version: record.stored.version,
                as: .done(Secret.marker),
                settlement: Settlement(id: "id-\(Secret.marker)", settledBy: "person-\(Secret.marker)")
            )
        }
    }

    /// Store failed, failed open; store broken, unsaved.
    private static func failsWithoutStore(_ node: Node) async throws {
        node.store.fail(with: TalkativeError())
        let open = node.interceptor.applying(try OperationPolicy(storeFailure: .failOpen))
        _ = try await open.outcome(key: Secret.key("open")) { _ in Secret.marker }
        node.store.fail(with: nil)
        let broken = IdempotencyError(code: .brokenStore, message: Secret.marker, cause: TalkativeError())
        let unsaved = Task {
            try? await node.interceptor.outcome(key: Secret.key("unsaved")) { _ in
                node.store.fail(with: broken)
                return Secret.marker
            }
        }
        // The finish is repeated until the lease is over.
        await node.log.wait(for: .storeBroken, count: 2)
        await node.clock.waitForSleeper(within: .seconds(1))
        node.clock.advance(by: .seconds(31))
        _ = await unsaved.value
        node.store.fail(with: nil)
    }

    /// Renewed, not renewed, taken over, lease lost.
    private static func outlivesItsLease(_ node: Node) async {
        let finish = Gate()
        let running = await node.run(Secret.key("long"), until: finish)
        await node.clock.waitForSleeper(within: .seconds(10))
        node.clock.advance(by: .seconds(10))
        await node.log.wait(for: .renewed)
        node.store.fail(with: TalkativeError())
        await node.clock.waitForSleeper(within: .seconds(10))
        node.clock.advance(by: .seconds(10))
        await node.log.wait(for: .notRenewed)
        node.clock.advance(by: .seconds(31))
        _ = try? await node.another.outcome(key: Secret.key("long")) { _ in Secret.marker }
        node.store.fail(with: nil)
        finish.open()
        _ = await running.result
    }
}
