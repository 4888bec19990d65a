@testable import Idempotency

/// Makes records of every shape that the format has room for, the same ones for the same seed.
struct RecordGenerator {
    private var random: SplitMix64

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    mutating func bytes(atMost count: Int) -> [UInt8] {
        let count = number(0...count)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count { withUnsafeBytes(of: random.next().littleEndian) { bytes.append(contentsOf: $0) } }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements.randomElement(using: &random)! }

    mutating func record() -> IdempotencyRecord {
        let state = state()
        let steps = pick([0, 0, 0, 1, 2, 9])
        return .example(
            state,
            attempt: pick([0, 1, 2, .max, UInt32(truncatingIfNeeded: random.next())]),
            claimant: Claimant(high: random.next(), low: random.next()),
            token: pick([0, 1, .max, random.next()]),
            fingerprint: fingerprint(),
            lapsePolicy: pick([.rerun, .reconcile, .refuse]),
            isKnownWithoutEffect: pick([true, false]),
            lease: span(),
            retention: span(),
            checkpoints: (0..<steps).map { _ in Checkpoint(name: text(), value: value()) },
            settlement: number(0...3) == 0 ? Settlement(stored: text(), settledBy: text()) : nil,
            keyDigest: pick([0, 1, .max, random.next()])
        )
    }

    private mutating func state() -> IdempotencyRecord.State {
        switch number(0...5) {
        case 0: .pending(unknown: pick([nil, .lapsed, .handlerThrew, .attemptsExhausted, .notReconciled]))
        case 1: .done(value())
        case 2: .failed(.final(name: text(), value: value()))
        case 3: .failed(.retryable(pick([.didNotHappen, .neverEntered, .threw])))
        case 4: .failed(.revoked)
        default: .failed(.attemptsExhausted)
        }
    }

    private mutating func value() -> StoredValue {
        switch number(0...5) {
        case 0: .void
        case 1: .bytes(bytes(atMost: 300))
        case 2: .encoded(bytes(atMost: 300))
        case 3: .omitted(.tooLarge)
        case 4: .omitted(.notEncodable)
        default: .omitted(.storeWasAway)
        }
    }

    private mutating func text() -> String {
        let alphabet = ["a", "Z", "é", "e\u{301}", "🎉", "/", "%", " ", "\u{2028}", "日"]
        let count = pick([0, 1, 3, 40])
        return (0..<count).map { _ in pick(alphabet) }.joined()
    }

    private mutating func fingerprint() -> Fingerprint? {
        guard let algorithm = pick([nil, Fingerprint.Algorithm.sha256, .sha256OfFields, .sha256OfJSON]) else {
            return nil
        }
        return Fingerprint(algorithm: algorithm, digest: (0..<32).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    }

    private mutating func span() -> Nanoseconds {
        pick([0, 1, 30_000_000_000, .max, Nanoseconds(random.next() >> 1)])
    }
}
