#if SQLite
import Foundation
import Synchronization
import Testing

@Suite("The service, killed and started again on its file", .serialized, .timeLimit(.minutes(10)))
struct CrashTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Whom the clients tell.
    private final class Witness: Sendable {
        private let notes = Mutex(Notes())

        func withNotes<Value: Sendable>(_ body: (inout Notes) -> Value) -> Value { notes.withLock { body(&$0) } }
    }

    /// What clients were answered.
    private struct Notes: Sendable {
        /// All bodies, by key.
        var bodies: [Int: Set<[UInt8]>] = [:]
        var finished = 0
        /// The requests that the killed servers owe an answer, by the number of the kill.
        var broken: [Int: Int] = [:]
        var kills = 0
        var others: [String] = []
    }

    private static func amount(_ number: Int) -> Int { 100 + number * 37 % 9_900 }

    private static func body(_ number: Int) -> String {
        #"{"amount": \#(amount(number)), "order": "order-\#(number)"}"#
    }

    /// Sends a payment until it is answered.
    private static func pay(
        _ number: Int,
        _ client: Client,
        _ server: MortalServer,
        _ witness: Witness
    ) async throws {
        while true {
            let address = try await server.living().address
            let answer: Client.Answer
            do {
                answer = try await client.pay(address, key: "\"key-\(number)\"", body: body(number))
            } catch {
                witness.withNotes { $0.broken[$0.kills, default: 0] += 1 }
                continue
            }
            switch answer.status {
            case 201:
                witness.withNotes { _ = $0.bodies[number, default: []].insert(answer.body) }
                return
            case 409:
                continue  // a run that died, or its heir: wait for it again
            default:
                let text = "\(answer.status) \(String(decoding: answer.body, as: UTF8.self))"
                witness.withNotes { $0.others.append(text) }
                return
            }
        }
    }

    @Test func `every key is charged once, and all its retries are answered the same bytes`() async throws {
        let count = 400
        let kills = [40, 120, 200, 280, 350]
        let server = MortalServer(file: folder.path + "/payments.db")
        let witness = Witness()
        try await Client.use { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                var next = 1
                func start() {
                    guard next <= count else { return }
                    let number = next
                    next += 1
                    group.addTask { try await Self.pay(number, client, server, witness) }
                }
                for _ in 0..<48 { start() }
                while try await group.next() != nil {
                    let finished = witness.withNotes { notes in
                        notes.finished += 1
                        return notes.finished
                    }
                    if kills.contains(finished) {
                        // Others are being charged right now: 47 requests are under way.
                        witness.withNotes { $0.kills += 1 }
                        await server.killAndRestart()
                    }
                    start()
                }
            }
            // Those that were answered before a kill, by a server that came after it.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 1...count { group.addTask { try await Self.pay(number, client, server, witness) } }
                try await group.waitForAll()
            }
            let state = try await client.state(try await server.living().address)
            let result = witness.withNotes { $0 }

            #expect(result.others.isEmpty, "\(Set(result.others))")
            for kill in 1...kills.count {
                #expect(result.broken[kill, default: 0] > 0, "kill \(kill) came when nothing was under way")
            }
            #expect(result.bodies.count == count)
            #expect(result.bodies.filter { $0.value.count != 1 }.keys.sorted() == [])
            #expect(state.with.count == count)
            let charges = Dictionary(grouping: state.with.charges, by: \.order)
            #expect(charges.filter { $0.value.count != 1 }.keys.sorted() == [])
            for (number, bodies) in result.bodies {
                let receipt = try JSONDecoder().decode(Client.Receipt.self, from: Data(bodies.first!))
                let charge = try #require(charges["order-\(number)"]?.first)
                #expect(receipt.number == charge.number && receipt.amount == charge.amount)
                #expect(charge.amount == Self.amount(number) && receipt.order == charge.order)
            }
        }
    }

    @Test func `1,000 retries of a payment are answered the same bytes, also across a restart`()
        async throws
    {
        let server = MortalServer(file: folder.path + "/payments.db")
        try await Client.use { client in
            func retry(_ times: Int) async throws -> (bodies: Set<[UInt8]>, replays: Int) {
                let address = try await server.living().address
                return try await withThrowingTaskGroup(of: Client.Answer.self) { group in
                    for _ in 0..<times {
                        group.addTask { try await client.pay(address, key: "\"once\"", body: Self.body(1)) }
                    }
                    var bodies: Set<[UInt8]> = []
                    var replays = 0
                    for try await answer in group {
                        #expect(answer.status == 201)
                        #expect(answer.location == "/payments/1")
                        bodies.insert(answer.body)
                        replays += answer.isReplayed ? 1 : 0
                    }
                    return (bodies, replays)
                }
            }
            let first = try await retry(1)
            #expect(first.replays == 0)
            let before = try await retry(500)
            await server.killAndRestart()
            let after = try await retry(500)
            #expect(before.replays == 500 && after.replays == 500)
            #expect(before.bodies == first.bodies && after.bodies == first.bodies)
            #expect(try await client.state(try await server.living().address).with.count == 1)
        }
    }
}
#endif
