import Figures
import Testing

@Suite struct ComparisonTests {
    private func compare(
        _ measured: String,
        goals: String = "",
        baseline: String = "",
        tolerance: Double = 0.25
    ) throws -> Comparison {
        Comparison(
            of: try FigureTable(parsing: measured),
            goals: try FigureTable(parsing: goals),
            baseline: try FigureTable(parsing: baseline),
            tolerance: tolerance
        )
    }

    @Test func `the table shows each figure beside its goal and the baseline`() throws {
        let comparison = try compare(
            """
            first call\t250\tns
            first call\t1.9\tx
            replay\t4.25\tx
            gain\t0.6\tpart
            status\t1.3\tx
            hot key\t24\tms
            """,
            goals: """
                first call\t2\tx
                replay\t4\tx
                gain\t0.8\tpart
                hot key\t30\tms
                renewal\t3\tx
                """,
            baseline: """
                first call\t1\tns
                first call\t2\tx
                replay\t3\tx
                gain\t0.8\tpart
                hot key\t1\tms
                memory\t300\tbytes
                """
        )
        #expect(
            comparison.description == """
                figure      unit   better  value  goal                  baseline  change
                first call  x      lower   1.9    at most 2     met     2         -5.0 %
                replay      x      lower   4.25   at most 4     MISSED  3         +41.7 %  WORSE
                gain        part   higher  0.6    at least 0.8  MISSED  0.8       -25.0 %
                status      x      lower   1.3    -                     -         -
                hot key     ms     lower   24     at most 30    met     -         -
                memory      bytes  lower   -      -                     300       -        MISSING
                renewal     x      lower   -      at most 3             -         -

                goals: 2 of 5 met
                baseline: 1 of 4 worse by more than 25 %, 1 missing
                """
        )
        #expect(comparison.isWorse)
    }

    @Test(arguments: [
        ("x", 2.0, 2.5, false), ("x", 2, 2.51, true), ("x", 2, 0.1, false),
        ("part", 0.8, 0.6, false), ("part", 0.8, 0.59, true), ("part", 0.8, 8, false),
        ("operations", 2, 3, true), ("bytes", 300, 376, true), ("operations", 0, 0, false), ("operations", 0, 1, true),
        ("ns", 100, 900, false), ("ms", 20, 90, false), ("gain", 1.9, 0.9, false),
    ])
    func `worse is what exceeds the tolerance in the bad direction, of ratios and counts alone`(
        unit: String,
        baseline: Double,
        value: Double,
        isWorse: Bool
    ) throws {
        let comparison = try compare("figure\t\(value)\t\(unit)", baseline: "figure\t\(baseline)\t\(unit)")
        #expect(comparison.isWorse == isWorse)
    }

    @Test func `the tolerance is the caller's`() throws {
        #expect(try compare("call\t2.2\tx", baseline: "call\t2\tx", tolerance: 0.05).isWorse)
        #expect(try !compare("call\t2.2\tx", baseline: "call\t2\tx", tolerance: 0.2).isWorse)
    }

    @Test func `a figure that is no longer measured counts as worse, unless the machine decides its value`() throws {
        #expect(try compare("", baseline: "call\t2\tx").isWorse)
        #expect(try !compare("", baseline: "call\t2\tns").isWorse)
    }

    @Test func `a missed goal is not worse than the baseline`() throws {
        let comparison = try compare("call\t3\tx", goals: "call\t2\tx", baseline: "call\t3\tx")
        #expect(!comparison.isWorse)
        #expect(comparison.rows.map(\.isGoalMet) == [false])
    }

    @Test func `a goal that is just reached is met`() throws {
        let comparison = try compare("a\t2\tx\nb\t0.8\tpart", goals: "a\t2\tx\nb\t0.8\tpart")
        #expect(comparison.rows.map(\.isGoalMet) == [true, true])
    }
}
