/// Figures in the order in which they were written, no two with one name and unit.
package struct FigureTable: Equatable, Sendable {
    package let figures: [Figure]
    private let values: [Figure.Key: Double]

    /// A line that is not a figure.
    package struct BadLine: Error, CustomStringConvertible {
        package let number: Int
        package let problem: String
        package var description: String { "line \(number): \(problem)" }
    }

    /// Reads lines of name, value and unit with tabs between.
    package init(parsing text: String) throws(BadLine) {
        var figures: [Figure] = []
        var values: [Figure.Key: Double] = [:]
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.isEmpty { continue }
            func bad(_ problem: String) -> BadLine { BadLine(number: index + 1, problem: problem) }
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count == 3, !fields[0].isEmpty else { throw bad("not name, value and unit with tabs between") }
            // What has more digits than a Double can tell apart is no figure, nor is `nan`.
            guard let value = Double(fields[1]), value >= 0, value < 1e15 else { throw bad("no value: '\(fields[1])'") }
            guard let unit = Figure.Unit(rawValue: String(fields[2])) else { throw bad("no unit: '\(fields[2])'") }
            let figure = Figure(String(fields[0]), value, unit)
            guard values.updateValue(value, forKey: figure.key) == nil else { throw bad("a second '\(figure.name)'") }
            figures.append(figure)
        }
        self.figures = figures
        self.values = values
    }

    package subscript(_ key: Figure.Key) -> Double? { values[key] }
}
