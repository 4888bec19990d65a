import Dispatch
import IdempotencyTesting
import Testing

@Suite("A simulation, and what leaves it", .timeLimit(.minutes(10)))
struct SimulationTests {
    @Test("The same seed gives the same order, another seed another one")
    func repeats() throws {
        func order(_ seed: UInt64) throws -> (result: [Int], trace: UInt64) {
            try Simulation.run(seed: seed) { simulation in
                await withTaskGroup(of: Int.self) { group in
                    for number in 0..<20 {
                        group.addTask {
                            try? await simulation.clock.sleep(for: .seconds(number % 3))
                            return number
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
            }
        }
        let first = try order(1)
        #expect(try order(1) == first)
        #expect(try order(2) != first)
    }

    @Test("A wait for what nobody does is a deadlock")
    func deadlock() {
        #expect(throws: Simulation.Deadlock.self) {
            try Simulation.run(seed: 1) { _ in
                await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
            }
        }
    }

    @Test("What comes back from outside while others still sleep ends the simulation")
    func left() {
        #expect(throws: Simulation.LeftSimulation.self) {
            try Simulation.run(seed: 1) { simulation in
                async let busy: Void = {
                    while !Task.isCancelled { try await simulation.clock.sleep(for: .seconds(1)) }
                }()
                // On a thread of its own, which the tests beside this one cannot keep busy.
                await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                    DispatchQueue(label: "outside").asyncAfter(deadline: .now() + .milliseconds(20)) {
                        continuation.resume()
                    }
                }
                return try await busy
            }
        }
    }
}
