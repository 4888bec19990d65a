/// The few elements that a chart is drawn with, one a line.
struct SVG {
    enum Anchor: String {
        case start, middle, end
    }

    private var lines: [String] = []

    mutating func text(
        _ text: String,
        x: Double,
        y: Double,
        size: Int = 13,
        weight: Int = 400,
        color: String,
        anchor: Anchor = .start
    ) {
        let attributes: KeyValuePairs = [
            "x": Self.number(x), "y": Self.number(y), "font-size": String(size), "font-weight": String(weight),
            "fill": color, "text-anchor": anchor.rawValue,
        ]
        lines.append("\(Self.tag("text", attributes))\(Self.escaped(text))</text>")
    }

    mutating func rectangle(
        x: Double,
        y: Double,
        width: Double,
        height: Double,
        radius: Double,
        fill: String,
        stroke: String = "none"
    ) {
        let attributes: KeyValuePairs = [
            "x": Self.number(x), "y": Self.number(y), "width": Self.number(width), "height": Self.number(height),
            "rx": Self.number(radius), "fill": fill, "stroke": stroke,
        ]
        lines.append("\(Self.tag("rect", attributes))</rect>")
    }

    mutating func verticalLine(x: Double, from top: Double, to bottom: Double, width: Double, color: String) {
        let attributes: KeyValuePairs = [
            "x1": Self.number(x), "y1": Self.number(top), "x2": Self.number(x), "y2": Self.number(bottom),
            "stroke": color, "stroke-width": Self.number(width),
        ]
        lines.append("\(Self.tag("line", attributes))</line>")
    }

    /// The whole picture.
    ///
    /// - Parameter title: What a screen reader says of it.
    func document(width: Double, height: Double, title: String) -> String {
        let attributes: KeyValuePairs = [
            "xmlns": "http://www.w3.org/2000/svg", "viewBox": "0 0 \(Self.number(width)) \(Self.number(height))",
            "width": Self.number(width), "height": Self.number(height), "role": "img",
            "font-family": "-apple-system, BlinkMacSystemFont, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif",
        ]
        let head = [Self.tag("svg", attributes), "<title>\(Self.escaped(title))</title>"]
        return (head + lines + ["</svg>"]).joined(separator: "\n")
    }

    private static func tag(_ name: String, _ attributes: KeyValuePairs<String, String>) -> String {
        "<\(name)\(attributes.map { " \($0)=\"\(escaped($1))\"" }.joined())>"
    }

    /// A tenth of a pixel is enough.
    private static func number(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? String(tenths / 10) : String(Double(tenths) / 10)
    }

    /// A text between tags or in an attribute. What XML has no place for becomes the replacement character.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\u{0}"..."\u{8}", "\u{b}", "\u{c}", "\u{e}"..."\u{1f}", "\u{fffe}", "\u{ffff}": escaped += "\u{fffd}"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return escaped
    }
}
