import Figures
import Foundation
import Testing

/// The files beside the sources of this package: what `Scripts/bench --save` wrote, and the goals.
@Suite struct SavedFilesTests {
    private func read(_ name: String) throws -> String {
        let package = URL(filePath: #filePath).appending(path: "../../..").standardized
        return try String(contentsOf: package.appending(path: name), encoding: .utf8)
    }

    @Test func `the chart shows the baseline and the goals`() throws {
        let baseline = try FigureTable(parsing: try read("baseline.tsv"))
        let goals = try FigureTable(parsing: try read("goals.tsv"))
        #expect(try Chart(of: baseline, goals: goals).svg + "\n" == read("figures.svg"))
    }

    @Test func `every goal is one of a figure that is measured`() throws {
        let baseline = try FigureTable(parsing: try read("baseline.tsv"))
        for goal in try FigureTable(parsing: try read("goals.tsv")).figures {
            #expect(baseline[goal.key] != nil, "\(goal.name)")
        }
    }
}
