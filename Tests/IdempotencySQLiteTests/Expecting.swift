#if SQLite
import Idempotency
import Testing

/// Expects the library's error of a code.
func expectError(
    _ code: IdempotencyError.Code,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> some Any
) async {
    await #expect(sourceLocation: sourceLocation) {
        _ = try await body()
    } throws: { error in
        (error as? IdempotencyError)?.code == code
    }
}

/// An outcome with its value.
func describe<Value>(_ outcome: IdempotentOutcome<Value>) -> String {
    switch outcome {
    case .ran(let value): "ran: \(value)"
    case .replayed(let value): "replayed: \(value)"
    case .inProgress, .unknown: outcome.description
    }
}
#endif
