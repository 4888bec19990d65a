import Figures
import Testing

@Suite struct FigureTableTests {
    @Test func `a printed figure is read as it was`() throws {
        let figures = [
            Figure("replay", 2.625, .ratio), Figure("replay", 943, .nanoseconds), Figure("hot key", 2, .operations),
        ]
        let text = figures.map { "\($0)\n" }.joined()
        #expect(text == "replay\t2.625\tx\nreplay\t943\tns\nhot key\t2\toperations\n")
        #expect(try FigureTable(parsing: text).figures == figures)
    }

    @Test func `decimals are printed where they say something`() {
        let texts = [0, 0.0004, 2, 1.2346, 0.85, 99.9996, 100.4, 1234.5].map(Figure.text)
        #expect(texts == ["0", "0", "2", "1.235", "0.85", "100", "100", "1235"])
    }

    @Test(arguments: [
        ("replay\t2.6", "not name, value and unit with tabs between"),
        ("replay\t2.6\tx\tlower", "not name, value and unit with tabs between"),
        ("\t2.6\tx", "not name, value and unit with tabs between"),
        ("replay\tfast\tx", "no value: 'fast'"),
        ("replay\tnan\tx", "no value: 'nan'"),
        ("replay\tinf\tx", "no value: 'inf'"),
        ("replay\t-1\tx", "no value: '-1'"),
        ("replay\t2.6\tfurlongs", "no unit: 'furlongs'"),
        ("first call\t2\tx", "a second 'first call'"),
    ])
    func `a line that is no figure is refused, with its number`(line: String, problem: String) {
        let error = #expect(throws: FigureTable.BadLine.self) {
            try FigureTable(parsing: "first call\t1.7\tx\n\n\(line)\n")
        }
        #expect(error?.description == "line 3: \(problem)")
    }

    @Test func `the first round of a pair does not count`() {
        var pair = Pair("call")
        for (ours, raw) in [(1000.0, 1.0), (30, 10), (20, 10), (60, 15)] { pair.add(ours: ours, raw: raw) }
        #expect(pair.medianOfOurs == 30)
        #expect(pair.medianOfRaw == 10)
        #expect(pair.ratio == 3)
    }
}
