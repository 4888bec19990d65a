import Figures
import Foundation

/// Says what figures mean. Reads them on standard input, a line each: name, value and unit with tabs between.
///
/// `FigureReport compare <goals> <baseline> <tolerance in percent>` prints them beside their goals and those of an
/// earlier run. The status is 1 if one got worse by more than the tolerance, or is missing.
/// `FigureReport chart <goals>` prints a chart of the ratios, as SVG.
@main
struct FigureReport {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            switch (arguments.first, arguments.count) {
            case ("compare", 4):
                guard let percent = Double(arguments[3]), percent >= 0, percent.isFinite else {
                    throw Failure("the tolerance is not a percentage: '\(arguments[3])'")
                }
                let comparison = Comparison(
                    of: try measured(),
                    goals: try table(in: arguments[1]),
                    baseline: try table(in: arguments[2]),
                    tolerance: percent / 100
                )
                print(comparison)
                if comparison.isWorse { exit(1) }
            case ("chart", 2):
                print(try Chart(of: try measured(), goals: try table(in: arguments[1])).svg)
            default:
                throw Failure("usage: FigureReport compare <goals> <baseline> <tolerance in percent>, or chart <goals>")
            }
        } catch {
            FileHandle.standardError.write(Data("FigureReport: \(error)\n".utf8))
            exit(2)
        }
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private static func measured() throws -> FigureTable {
        try table(from: .standardInput, named: "standard input")
    }

    private static func table(in path: String) throws -> FigureTable {
        guard let file = FileHandle(forReadingAtPath: path) else { throw Failure("cannot read \(path)") }
        return try table(from: file, named: path)
    }

    private static func table(from file: FileHandle, named name: String) throws -> FigureTable {
        let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
        do {
            return try FigureTable(parsing: text)
        } catch {
            throw Failure("\(name), \(error)")
        }
    }
}
