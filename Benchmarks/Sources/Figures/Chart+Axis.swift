extension Chart {
    /// The values from zero to a round one, with ticks at round ones between.
    package struct Axis {
        package let ticks: [Double]

        /// - Parameter largest: The largest value to show; not below 1, which is shown in any case.
        package init(upTo largest: Double) {
            let largest = max(largest, 1)
            var power = 0.1
            while largest > 40 * power { power *= 10 }
            // Of 1, 2 and 5 times a power of ten, the first that needs no more than eight steps.
            let step = [1, 2, 5].map { $0 * power }.first { largest <= 8 * $0 } ?? 5 * power
            ticks = (0...Int((largest / step).rounded(.up))).map { Double($0) * step }
        }

        /// Where a value lies, as a part of the axis.
        func position(of value: Double) -> Double { value / (ticks.last ?? 1) }
    }
}
