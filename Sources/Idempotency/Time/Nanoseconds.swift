/// A span or a point of time in whole nanoseconds: what the library computes with, where `Duration`'s 128 bits would cost
/// more than the sums they are needed for. 292 years fit.
package typealias Nanoseconds = Int64

extension Duration {
    /// The duration in nanoseconds, rounded down, and cut off at 292 years either way.
    package var nanoseconds: Nanoseconds {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carry ? (seconds < 0 ? .min : .max) : sum
    }
}

extension Nanoseconds {
    /// The sum, cut off at the end of time instead of trapping.
    package func addingClamped(_ other: Nanoseconds) -> Nanoseconds {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
