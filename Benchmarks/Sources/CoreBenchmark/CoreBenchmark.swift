#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Measures the engine on the in-memory store beside its raw limit.
///
/// `CoreBenchmark <name>` runs one benchmark. `CoreBenchmark` runs all but `memory`, which needs a process of its own,
/// so that nothing else counts.
@main
struct CoreBenchmark {
    enum Name: String, CaseIterable {
        case calls
        case json
        case failing
        case steps
        case ownTask = "own-task"
        case observer
        case status
        case fingerprint
        case waiting
        case hotKey = "hot-key"
        case memory

        func run() async throws {
            switch self {
            case .calls: try await Calls().run()
            case .json: try await JSONResult().run()
            case .failing: try await FailingHandler().run()
            case .steps: try await Steps().run()
            case .ownTask: try await OwnTask().run()
            case .observer: try await Observer().run()
            case .status: try await Status().run()
            case .fingerprint: try await FingerprintOfPayload().run()
            case .waiting: try await WaitingDuplicates().run()
            case .hotKey: try await HotKey().run()
            case .memory: try await Memory().run()
            }
        }
    }

    // Not on the main actor: a service does not run its requests there.
    nonisolated static func main() async throws {
        try await Task.detached { try await measure() }.value
    }

    private nonisolated static func measure() async throws {
        switch CommandLine.arguments.dropFirst().first {
        case nil:
            for name in Name.allCases where name != .memory { try await name.run() }
        case let argument?:
            guard let name = Name(rawValue: argument) else {
                print("usage: CoreBenchmark [\(Name.allCases.map(\.rawValue).joined(separator: "|"))]")
                exit(2)
            }
            try await name.run()
        }
    }
}
