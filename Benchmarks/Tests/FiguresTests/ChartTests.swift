import Figures
import Foundation
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite struct ChartTests {
    private func draw(_ figures: String, goals: String = "") throws -> String {
        try Chart(of: try FigureTable(parsing: figures), goals: try FigureTable(parsing: goals)).svg
    }

    /// The lines of an element with one fill or stroke.
    private func elements(_ name: String, _ color: String, in svg: String) -> [Substring] {
        svg.split(separator: "\n").filter { $0.hasPrefix("<\(name) ") && $0.contains("\"\(color)\"") }
    }

    private func number(_ attribute: String, of element: Substring?) throws -> Double {
        let value = try #require(element).split(separator: " \(attribute)=\"").last?.prefix { $0 != "\"" }
        return try #require(value.flatMap { Double($0) })
    }

    @Test func `a bar is as long as its ratio, the raw limit is at 1, and a mark is at the goal`() throws {
        let svg = try draw("first call\t1.5\tx\nfirst call\t250\tns\ngain\t0.5\tpart", goals: "first call\t2\tx")
        let bars = elements("rect", "#5893c6", in: svg) + elements("rect", "#62a36f", in: svg)
        let left = try number("x", of: bars.first)
        let widths = try bars.map { try number("width", of: $0) }
        #expect(widths.count == 2)
        #expect(abs(widths[0] - 3 * widths[1]) < 0.3)
        let rawLimit = try number("x1", of: elements("line", "#24292f", in: svg).last) - left
        #expect(abs(rawLimit - 2 * widths[1]) < 0.3)
        let goal = try number("x1", of: elements("line", "#bc4c00", in: svg).last) - left
        #expect(abs(goal - 4 * widths[1]) < 0.3)
        #expect(svg.contains(">1.50</text>") && svg.contains(">0.50</text>"))
        #expect(!svg.contains("250"))
    }

    @Test func `a name is text, whatever it holds`() throws {
        let svg = try draw("</text><a href='x'>b</a> & \"c\" \u{1}\t1\tx")
        #expect(svg.contains(">&lt;/text&gt;&lt;a href='x'&gt;b&lt;/a&gt; &amp; &quot;c&quot; \u{fffd}</text>"))
        #expect(XMLParser(data: Data(svg.utf8)).parse())
    }

    @Test(arguments: zip([0.2, 1.61, 5.4, 23, 700], ["0 0.2 1", "0 0.5 2", "0 1 6", "0 5 25", "0 100 700"]))
    func `the axis ends at a round value past the largest, in few round steps`(largest: Double, ticks: String) {
        let axis = Chart.Axis(upTo: largest).ticks
        #expect([axis[0], axis[1], axis.last ?? 0].map(Figure.text).joined(separator: " ") == ticks)
        #expect(axis.count <= 9)
    }

    @Test func `the same figures give the same text`() throws {
        let figures = (1...20).map { "figure \($0)\t\($0)\tx\n" }.joined()
        #expect(try draw(figures) == draw(figures))
    }

    @Test func `without a ratio there is nothing to draw`() {
        #expect(throws: Chart.NothingToDraw.self) { try draw("first call\t250\tns") }
    }
}
