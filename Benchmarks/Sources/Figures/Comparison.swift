/// Measured figures beside their goals and beside those of an earlier run.
package struct Comparison: Sendable {
    package struct Row: Equatable, Sendable {
        package let key: Figure.Key
        /// `nil`: not measured this time.
        package let value: Double?
        /// The bound to keep: an upper one, unless higher is better.
        package let goal: Double?
        /// What an earlier run measured; `nil` also where the machine decides the value.
        package let baseline: Double?

        /// How much the value has grown, as a part of the baseline.
        package var change: Double? {
            guard let value, let baseline else { return nil }
            return value == baseline ? 0 : value / baseline - 1
        }

        package var isGoalMet: Bool? {
            guard let value, let goal else { return nil }
            return key.unit.isHigherBetter ? value >= goal : value <= goal
        }

        /// Whether the value got worse by more than a tolerance, a part of the baseline.
        package func isWorse(than tolerance: Double) -> Bool {
            guard let change else { return false }
            // A division ends a little beside what is just tolerated.
            return (key.unit.isHigherBetter ? -change : change) > tolerance + 1e-9
        }

        /// A figure that is no longer measured would hide that it got worse.
        package var isMissing: Bool { value == nil && baseline != nil }
    }

    /// What can be compared or has a goal: as measured, and then what was not measured.
    package let rows: [Row]
    package let tolerance: Double

    /// - Parameter tolerance: By how much of the baseline a figure may get worse: 0.25 is a quarter.
    package init(of measured: FigureTable, goals: FigureTable, baseline: FigureTable, tolerance: Double) {
        var seen: Set<Figure.Key> = []
        rows = (measured.figures + baseline.figures + goals.figures).compactMap { figure in
            let key = figure.key
            guard key.unit.isComparable || goals[key] != nil, seen.insert(key).inserted else { return nil }
            return Row(
                key: key,
                value: measured[key],
                goal: goals[key],
                baseline: key.unit.isComparable ? baseline[key] : nil
            )
        }
        self.tolerance = tolerance
    }

    /// Whether a figure got worse by more than the tolerance, or is no longer measured.
    package var isWorse: Bool { rows.contains { $0.isMissing || $0.isWorse(than: tolerance) } }
}
