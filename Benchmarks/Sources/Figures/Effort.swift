import Foundation

/// The amount of work that a benchmark does: all of it, or, for `Scripts/bench --check`, just enough to see that it runs.
package enum Effort {
    private static let isCheck = ProcessInfo.processInfo.environment["IDEMPOTENCY_BENCHMARK_CHECK"] != nil

    /// So many rounds; one for a check.
    package static func rounds(_ count: Int) -> Int { isCheck ? 1 : count }

    /// So many operations; a fiftieth of them for a check.
    package static func operations(_ count: Int) -> Int { isCheck ? max(1, count / 50) : count }
}
