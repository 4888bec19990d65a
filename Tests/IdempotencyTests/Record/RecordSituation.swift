@testable import Idempotency

/// The rows of the state machine's table, each in all its shades.
struct RecordSituation: CustomStringConvertible {
    /// The row's name; the tests' tables begin with it.
    let description: String
    /// `nil`: absent.
    var stored: StoredRecord?

    static let version = RecordVersion(rawValue: 77)
    static let kept = Fingerprint(bytes: [1])

    /// Every state, with and without a token, a fingerprint, checkpoints, a first and a later attempt.
    static let all: [RecordSituation] = {
        let result = StoredValue.encoded([1, 2])
        var situations = [RecordSituation(description: "absent", stored: nil)]
        for policy in [LapsePolicy.rerun, .reconcile, .refuse] {
            for reason in [UnknownReason?.none, .lapsed, .handlerThrew, .notReconciled] {
                situations += shades("live", .pending(unknown: reason), policy, remaining: 5)
                situations += shades("lapsed .\(policy)", .pending(unknown: reason), policy, remaining: 0)
            }
            situations += shades("unknown for good", .pending(unknown: .attemptsExhausted), policy, remaining: 0)
            situations += shades("done", .done(result), policy, remaining: 5)
            situations += shades(
                "failed, final",
                .failed(.final(name: "declined", value: result)),
                policy,
                remaining: 5
            )
            situations += shades("retryable: didNotHappen", .failed(.retryable(.didNotHappen)), policy, remaining: 5)
            situations += shades("retryable: neverEntered", .failed(.retryable(.neverEntered)), policy, remaining: 5)
            situations += shades("retryable: threw", .failed(.retryable(.threw)), policy, remaining: 5)
            situations += shades("revoked", .failed(.revoked), policy, remaining: 5)
            situations += shades("exhausted", .failed(.attemptsExhausted), policy, remaining: 5)
        }
        return situations
    }()

    private static func shades(
        _ name: String,
        _ state: IdempotencyRecord.State,
        _ policy: LapsePolicy,
        remaining: Nanoseconds
    ) -> [RecordSituation] {
        var situations: [RecordSituation] = []
        for token in [UInt64(0), 41] {
            for fingerprint in [nil, kept] {
                for attempt in [UInt32(1), 3] {
                    for isKnown in [true, false] {
                        let record = IdempotencyRecord.example(
                            state,
                            attempt: attempt,
                            token: token,
                            fingerprint: fingerprint,
                            lapsePolicy: policy,
                            isKnownWithoutEffect: isKnown,
                            lease: 30,
                            retention: 1000,
                            checkpoints: [Checkpoint(name: "step", value: .void)]
                        )
                        let stored = StoredRecord(version: version, record: record, remainingNanoseconds: remaining)
                        situations.append(RecordSituation(description: name, stored: stored))
                    }
                }
            }
        }
        return situations
    }
}

/// A table as a test's text: the first column names the row, the others are words.
struct WordTable {
    private let rows: [String: [Substring]]

    init(_ text: String) {
        var rows: [String: [Substring]] = [:]
        for line in text.split(separator: "\n") {
            let cells = line.split(separator: "|").map { $0.trimming(while: { $0 == " " }) }
            rows[String(cells[0])] = cells[1].split(separator: " ")
        }
        self.rows = rows
    }

    var names: Set<String> { Set(rows.keys) }

    subscript(row: String, column: Int) -> String? {
        guard let row = rows[row], row.indices.contains(column) else { return nil }
        return String(row[column])
    }
}

extension Substring {
    fileprivate func trimming(while isTrimmed: (Character) -> Bool) -> Substring {
        var rest = drop(while: isTrimmed)
        while let last = rest.last, isTrimmed(last) { rest = rest.dropLast() }
        return rest
    }
}
