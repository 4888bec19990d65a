extension Figure {
    /// What a figure counts: this decides which way is better, and whether two machines can be compared by it.
    package enum Unit: String, Sendable {
        case nanoseconds = "ns"
        case milliseconds = "ms"
        case perSecond = "1/s"
        case bytes
        case operations
        /// Times as much as the raw limit, measured in the same run.
        case ratio = "x"
        /// Times as fast with two tasks as with one.
        case gain
        /// The part of the raw limit's gain, or of its rate, that is reached.
        case part

        /// Whether a higher value is the better one.
        package var isHigherBetter: Bool {
            switch self {
            case .nanoseconds, .milliseconds, .bytes, .operations, .ratio: false
            case .perSecond, .gain, .part: true
            }
        }

        /// Whether the value says something beyond the machine that it was measured on: ratios and counts do.
        package var isComparable: Bool {
            switch self {
            case .nanoseconds, .milliseconds, .perSecond, .gain: false
            case .bytes, .operations, .ratio, .part: true
            }
        }
    }
}
