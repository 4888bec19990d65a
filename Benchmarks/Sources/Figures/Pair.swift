/// What something takes and what its raw limit takes, round after round.
///
/// The two take turns, so that a disturbance meets both. The first round warms up, and does not count.
package struct Pair {
    package let name: String
    private let unit: Figure.Unit
    private var ours: [Double] = []
    private var raw: [Double] = []

    package init(_ name: String, _ unit: Figure.Unit = .nanoseconds) {
        self.name = name
        self.unit = unit
    }

    /// Adds a round.
    package mutating func add(ours: Double, raw: Double) {
        self.ours.append(ours)
        self.raw.append(raw)
    }

    package var medianOfOurs: Double { median(ours.dropFirst()) }
    package var medianOfRaw: Double { median(raw.dropFirst()) }
    package var ratio: Double { median(zip(ours, raw).dropFirst().map { $0 / $1 }) }

    /// Prints both, and the one as a multiple of the other.
    package func report() {
        Figures.report(name, medianOfOurs, unit)
        Figures.report("\(name), raw limit", medianOfRaw, unit)
        Figures.report(name, ratio, .ratio)
    }
}

extension Pair {
    package typealias Pass = () async throws -> Void

    /// Times passes of so many operations, and prints what they come to.
    ///
    /// - Parameters:
    ///   - count: How many operations a pass has.
    ///   - rounds: How many rounds count.
    ///   - prepare: Makes the two passes of a round, with whatever they need anew.
    package static func measure(
        _ name: String,
        per count: Int,
        rounds: Int = 15,
        _ prepare: () async throws -> (raw: Pass, ours: Pass)
    ) async throws {
        var pair = Pair(name)
        for _ in 0...Effort.rounds(rounds) {
            let (raw, ours) = try await prepare()
            let rawTime = try await nanoseconds(per: count, raw)
            pair.add(ours: try await nanoseconds(per: count, ours), raw: rawTime)
        }
        pair.report()
    }
}
