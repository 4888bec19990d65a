/// Something that was measured. Printed as a line, name, value and unit with tabs between.
package struct Figure: Equatable, Sendable {
    /// What tells a figure from the others: one name may be measured in several units.
    package struct Key: Hashable, Sendable {
        package let name: String
        package let unit: Unit
    }

    package let key: Key
    package let value: Double

    package init(_ name: String, _ value: Double, _ unit: Unit) {
        key = Key(name: name, unit: unit)
        self.value = value
    }

    package var name: String { key.name }
    package var unit: Unit { key.unit }

    /// Up to three decimals; none where they say nothing.
    package static func text(of value: Double) -> String {
        let rounded = value >= 100 ? value.rounded() : (value * 1000).rounded() / 1000
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }
}

extension Figure: CustomStringConvertible {
    package var description: String { "\(name)\t\(Self.text(of: value))\t\(unit.rawValue)" }
}

/// Prints a figure.
package func report(_ name: String, _ value: Double, _ unit: Figure.Unit) {
    print(Figure(name, value, unit))
}
