/// A bar for each ratio to the raw limit, as SVG: the raw limit is the line at 1, and a mark stands at each goal.
///
/// The same figures give the same text. It brings its own ground, to be read on light pages and on dark ones.
package struct Chart {
    package struct NothingToDraw: Error, CustomStringConvertible {
        package var description: String { "no ratio among the figures" }
    }

    private struct Bar {
        let figure: Figure
        let goal: Double?
    }

    private struct Group {
        let caption: String
        let color: String
        let bars: [Bar]
    }

    private let groups: [Group]
    private let axis: Axis
    /// Room for the longest name, with letters of a middling width: which font the reader has is not known here.
    private let labelWidth: Double

    package init(of figures: FigureTable, goals: FigureTable) throws(NothingToDraw) {
        func group(_ unit: Figure.Unit, _ caption: String, _ color: String) -> Group {
            let figures = figures.figures.filter { $0.unit == unit }
            return Group(caption: caption, color: color, bars: figures.map { Bar(figure: $0, goal: goals[$0.key]) })
        }
        groups = [
            group(.ratio, "Times the raw limit: shorter is better", "#5893c6"),
            group(.part, "Part of the raw limit's gain: longer is better", "#62a36f"),
        ].filter { !$0.bars.isEmpty }
        let bars = groups.flatMap(\.bars)
        guard !bars.isEmpty else { throw NothingToDraw() }
        axis = Axis(upTo: bars.flatMap { [$0.figure.value, $0.goal ?? 0] }.max() ?? 1)
        labelWidth = Double(bars.map(\.figure.name.count).max() ?? 0) * 6.6
    }

    // MARK: Measures, in pixels

    private static let margin = 24.0
    private static let gap = 10.0
    private static let plotWidth = 460.0
    /// For the value behind a bar of full length.
    private static let valueWidth = 50.0
    private static let rowHeight = 26.0
    private static let barHeight = 16.0
    private static let captionHeight = 36.0
    private static let top = 92.0
    private static let bottom = 48.0

    private var width: Double { plotLeft + Self.plotWidth + Self.valueWidth + Self.margin }
    private var height: Double { plotBottom + Self.bottom }
    private var plotLeft: Double { Self.margin + labelWidth + Self.gap }
    private var plotBottom: Double {
        groups.reduce(Self.top) { $0 + Self.captionHeight + Double($1.bars.count) * Self.rowHeight } + Self.gap
    }

    private func x(_ value: Double) -> Double { plotLeft + axis.position(of: value) * Self.plotWidth }

    // MARK: Drawing

    private static let title = "What calls cost, beside the raw limit"
    private static let ink = "#24292f"
    private static let muted = "#57606a"
    private static let goalColor = "#bc4c00"

    /// The picture.
    package var svg: String {
        var svg = SVG()
        svg.rectangle(
            x: 0.5,
            y: 0.5,
            width: width - 1,
            height: height - 1,
            radius: 8,
            fill: "#ffffff",
            stroke: "#d0d7de"
        )
        svg.text(Self.title, x: Self.margin, y: 36, size: 18, weight: 600, color: Self.ink)
        drawLegend(&svg)
        drawAxis(&svg)
        var y = Self.top
        for group in groups {
            svg.text(group.caption, x: Self.margin, y: y + 24, weight: 600, color: Self.muted)
            y += Self.captionHeight
            for bar in group.bars {
                draw(bar, &svg, middle: y + Self.rowHeight / 2, color: group.color)
                y += Self.rowHeight
            }
        }
        // Over the bars, as they all are compared with it.
        svg.verticalLine(x: x(1), from: Self.top, to: plotBottom, width: 2, color: Self.ink)
        return svg.document(width: width, height: height, title: Self.title)
    }

    private func drawLegend(_ svg: inout SVG) {
        let y = 60.0
        var x = Self.margin + 2
        if groups.contains(where: { $0.bars.contains { $0.goal != nil } }) {
            svg.verticalLine(x: x, from: y - 12, to: y + 4, width: 4, color: Self.goalColor)
            svg.text("goal", x: x + 10, y: y, color: Self.muted)
            x += 64
        }
        svg.verticalLine(x: x, from: y - 12, to: y + 4, width: 2, color: Self.ink)
        svg.text("raw limit, measured in the same run", x: x + 10, y: y, color: Self.muted)
    }

    private func drawAxis(_ svg: inout SVG) {
        for tick in axis.ticks {
            svg.verticalLine(x: x(tick), from: Self.top, to: plotBottom, width: 1, color: "#eaeef2")
            svg.text(Figure.text(of: tick), x: x(tick), y: plotBottom + 18, color: Self.muted, anchor: .middle)
        }
    }

    private func draw(_ bar: Bar, _ svg: inout SVG, middle: Double, color: String) {
        let value = bar.figure.value
        let (top, bottom) = (middle - Self.barHeight / 2, middle + Self.barHeight / 2)
        svg.text(bar.figure.name, x: plotLeft - Self.gap, y: middle + 4.5, color: Self.ink, anchor: .end)
        svg.rectangle(x: plotLeft, y: top, width: x(value) - plotLeft, height: Self.barHeight, radius: 2, fill: color)
        if let goal = bar.goal {
            svg.verticalLine(x: x(goal), from: top - 3, to: bottom + 3, width: 4, color: Self.goalColor)
        }
        // Behind whatever would lie under it: the mark of the goal, or the line of the raw limit.
        let end = [bar.goal ?? 0, 1].reduce(value) { end, mark in
            (x(mark) - x(end)).magnitude < 40 ? max(end, mark) : end
        }
        svg.text(Self.label(value), x: x(end) + 8, y: middle + 4.5, weight: 600, color: Self.ink)
    }

    /// Two decimals, as figures of one column are compared by their digits.
    private static func label(_ value: Double) -> String {
        guard value < 100 else { return Figure.text(of: value) }
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths / 10 % 10)\(hundredths % 10)"
    }
}
