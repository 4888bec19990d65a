import Idempotency

/// The figures of a run, found out by comparing what the clients believe with what the bank has done.
@available(Idempotency 0.1, *)
struct Report: Sendable {
    let requests: Int
    let keys: Int
    let charges: Int
    let replayed: Int
    let refused: Int
    let timedOut: Int
    let errors: [String: Int]
    /// A key charged again for the same amount.
    let doubled: Int
    /// A key charged again for another amount.
    let mismatched: Int
    /// Receipts for which the bank has no such charge.
    let lost: Int
    /// The sum of `doubled` and `mismatched`, in cents. Wide, as a file's amounts may be as large as an `Int`.
    let money: Int128
    let time: Duration

    var wrongCharges: Int { doubled + mismatched + lost }
    var errorCount: Int { errors.values.reduce(0, +) }

    init(_ run: LoadRun, _ load: Load, _ bank: Bank, time: Duration) async {
        let charges = await bank.charges
        var firstAmounts: [IdempotencyKey: Int] = [:]
        var doubled = 0
        var mismatched = 0
        var money: Int128 = 0
        for charge in charges {
            guard let first = firstAmounts[charge.key] else {
                // Whichever request comes first decides what the key stands for.
                firstAmounts[charge.key] = charge.amount
                continue
            }
            if first == charge.amount { doubled += 1 } else { mismatched += 1 }
            money += Int128(charge.amount)
        }
        lost = await run.acknowledged.count { request, receipt in
            guard charges.indices.contains(receipt.number) else { return true }
            let charge = charges[receipt.number]
            return charge.key != request.key || charge.amount != request.amount
        }
        requests = load.requestCount
        keys = load.keyCount
        self.charges = charges.count
        replayed = await run.replayed
        refused = await run.refused
        timedOut = await run.timedOut
        errors = await run.errors
        self.doubled = doubled
        self.mismatched = mismatched
        self.money = money
        self.time = time
    }

    /// The figures of two runs side by side.
    static func table(protected: Report, unprotected: Report) -> String {
        func row(_ name: String, _ figure: (Report) -> String) -> [String] {
            [name, figure(protected), figure(unprotected)]
        }
        var rows = [["", "protected", "unprotected"]]
        rows.append(row("Requests") { grouped($0.requests) })
        rows.append(row("Distinct keys") { grouped($0.keys) })
        rows.append(row("Charges made") { grouped($0.charges) })
        rows.append(row("Replays") { grouped($0.replayed) })
        rows.append(row("Mismatches refused") { grouped($0.refused) })
        rows.append(row("Timed out, no answer") { grouped($0.timedOut) })
        if protected.errorCount + unprotected.errorCount > 0 {
            rows.append(row("Unexpected errors") { grouped($0.errorCount) })
        }
        rows.append(row("Wrong charges") { grouped($0.wrongCharges) })
        rows.append(row("  charged again") { grouped($0.doubled) })
        rows.append(row("  charged for a reused key") { grouped($0.mismatched) })
        rows.append(row("  receipt without charge") { grouped($0.lost) })
        rows.append(row("Money taken wrongly") { grouped($0.money) })
        rows.append(row(timeName) { seconds($0.time) })
        let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = row[0] + spaces(widths[0] - row[0].count)
            for column in 1..<3 { line += spaces(3 + widths[column] - row[column].count) + row[column] }
            return line
        }.joined(separator: "\n")
    }

    /// A debug build makes much of the library's part of the time: it is not what a service would see.
    private static var timeName: String {
        #if DEBUG
        "Time, debug build"
        #else
        "Time"
        #endif
    }

    /// A number with its digits in groups of three: `10,000`.
    static func grouped(_ number: some BinaryInteger) -> String {
        var text = ""
        let digits = String(number)
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return text
    }

    private static func seconds(_ duration: Duration) -> String {
        let hundredths = Int(duration / .milliseconds(10))
        let fraction = hundredths % 100
        return "\(grouped(hundredths / 100)).\(fraction < 10 ? "0" : "")\(fraction) s"
    }

    private static func spaces(_ count: Int) -> String {
        String(repeating: " ", count: count)
    }
}
