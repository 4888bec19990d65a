import Idempotency
import IdempotencyInMemory

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Times the engine on the in-memory store beside its raw limit, in alternating rounds of one run.
///
/// `CoreBenchmark` prints speeds, `CoreBenchmark memory` the memory of a million keys (a process of its own, so that
/// nothing else counts).
@main
struct CoreBenchmark {
    // Not on the main actor: a service does not run its requests there.
    nonisolated static func main() async throws {
        try await Task.detached { try await measure() }.value
    }

    private nonisolated static func measure() async throws {
        switch CommandLine.arguments.dropFirst().first {
        case nil:
            try await Speed().run()
            try await HotKey().run()
        case "memory":
            try await Memory().run()
        case let other?:
            print("unknown argument '\(other)'; use none for speed, or 'memory'")
            exit(2)
        }
    }
}
