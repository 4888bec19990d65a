extension Comparison: CustomStringConvertible {
    /// A table to read, a line a figure, and what it comes to.
    package var description: String {
        let header = ["figure", "unit", "better", "value", "goal", "", "baseline", "change", ""]
        let lines = Self.align([header] + rows.map(cells))
        return (lines + [""] + summary).joined(separator: "\n")
    }

    private func cells(of row: Row) -> [String] {
        let unit = row.key.unit
        let bound = unit.isHigherBetter ? "at least" : "at most"
        return [
            row.key.name,
            unit.rawValue,
            unit.isHigherBetter ? "higher" : "lower",
            row.value.map(Figure.text) ?? "-",
            row.goal.map { "\(bound) \(Figure.text(of: $0))" } ?? "-",
            row.isGoalMet.map { $0 ? "met" : "MISSED" } ?? "",
            row.baseline.map(Figure.text) ?? "-",
            row.change.map(Self.text) ?? "-",
            row.isMissing ? "MISSING" : row.isWorse(than: tolerance) ? "WORSE" : "",
        ]
    }

    private var summary: [String] {
        let goals = rows.filter { $0.goal != nil }
        let compared = rows.filter { $0.baseline != nil }
        let worse = compared.count { $0.isWorse(than: tolerance) }
        let missing = compared.count { $0.isMissing }
        return [
            "goals: \(goals.count { $0.isGoalMet == true }) of \(goals.count) met",
            "baseline: \(worse) of \(compared.count) worse by more than \(Figure.text(of: tolerance * 100)) %"
                + (missing == 0 ? "" : ", \(missing) missing"),
        ]
    }

    private static func text(of change: Double) -> String {
        // From nothing to something is no percentage.
        guard change.isFinite else { return "from 0" }
        let tenths = Int(min(change * 1000, 1e15).rounded())
        return "\(tenths < 0 ? "-" : "+")\(abs(tenths) / 10).\(abs(tenths) % 10) %"
    }

    /// Pads the cells of each column to the width of its widest.
    private static func align(_ table: [[String]]) -> [String] {
        let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { cells in
            let line = zip(cells, widths)
                .map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
                .joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }
}
