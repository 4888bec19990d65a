import Testing

@testable import Idempotency

/// Records with their bytes, written by a program of its own (Python) from the description of the formats.
///
/// A release that cannot read one of them loses somebody's records.
struct RecordGolden: CustomTestStringConvertible {
    let testDescription: String
    let record: IdempotencyRecord
    let hex: String

    let bytes: [UInt8]

    /// The bytes without the checksum.
    var body: ArraySlice<UInt8> { bytes.dropLast(4) }

    private init(_ name: String, _ record: IdempotencyRecord, _ hex: String) {
        testDescription = name
        self.record = record
        self.hex = hex.replacing("\n", with: "")
        let digits = Array(self.hex)
        bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...($0 + 1)]), radix: 16)! }
    }

    private static let fingerprint = Fingerprint(algorithm: .sha256OfJSON, digest: Array(0..<32))
    private static let lease: Nanoseconds = 30_000_000_000

    static let all = format1 + format2

    static let format1 = [
        RecordGolden(
            "claim",
            .example(lease: lease, retention: 7 * IdempotencyRecord.day),
            """
            49445201010101000000010123456789abcdeffedcba9876543210000000000000000000000006fc
            23ac000002260ff929000000000000002a617f23
            """
        ),
        RecordGolden(
            "pending with steps and a fingerprint",
            .example(
                attempt: 2,
                token: 1_795_247_133_133_971,
                fingerprint: fingerprint,
                lapsePolicy: .refuse,
                isKnownWithoutEffect: false,
                lease: lease,
                retention: .max,
                checkpoints: [
                    Checkpoint(name: "reserve", value: .encoded(Array(#"{"id":7}"#.utf8))),
                    Checkpoint(name: "mail", value: .void), Checkpoint(name: "größe", value: .omitted(.tooLarge)),
                    Checkpoint(name: "raw", value: .bytes([0, 255])),
                ]
            ),
            """
            49445201010302000000020123456789abcdeffedcba9876543210000660c48ba78c9300000006fc
            23ac007fffffffffffffff03000102030405060708090a0b0c0d0e0f101112131415161718191a1b
            1c1d1e1f000000000400077265736572766502000000087b226964223a377d00046d61696c000007
            6772c3b6c39f6503010003726177010000000200ff80466b7e
            """
        ),
        RecordGolden(
            "unknown",
            .example(
                .pending(unknown: .handlerThrew),
                token: 41,
                lapsePolicy: .reconcile,
                isKnownWithoutEffect: false,
                retention: .max
            ),
            """
            49445201010200000000010123456789abcdeffedcba987654321000000000000000290000000000
            0000007fffffffffffffff020000000069287545
            """
        ),
        RecordGolden(
            "done, encoded",
            .example(.done(.encoded(Array(#""ok""#.utf8))), token: 42, fingerprint: fingerprint, lapsePolicy: .refuse),
            """
            49445201020303000000010123456789abcdeffedcba9876543210000000000000002a0000000000
            00000000004e94914f000003000102030405060708090a0b0c0d0e0f101112131415161718191a1b
            1c1d1e1f0200000004226f6b22000000002e98f89b
            """
        ),
        RecordGolden(
            "done, bytes",
            .example(.done(.bytes([0, 1, 254, 255])), token: 42),
            """
            49445201020101000000010123456789abcdeffedcba9876543210000000000000002a0000000000
            00000000004e94914f000001000000040001feff00000000356a7072
            """
        ),
        RecordGolden(
            "done, void",
            .example(.done(.void)),
            """
            49445201020101000000010123456789abcdeffedcba987654321000000000000000000000000000
            00000000004e94914f00000000000000a6701249
            """
        ),
        RecordGolden(
            "done, not kept",
            .example(.done(.omitted(.notEncodable)), token: 42, retention: .max),
            """
            49445201020101000000010123456789abcdeffedcba9876543210000000000000002a0000000000
            0000007fffffffffffffff030200000000e0a6ec58
            """
        ),
        RecordGolden(
            "failed for good",
            .example(
                .failed(.final(name: "card-error", value: .encoded(Array(#"{"declined":{}}"#.utf8)))),
                token: 42
            ),
            """
            49445201030101000000010123456789abcdeffedcba9876543210000000000000002a0000000000
            00000000004e94914f000001000a636172642d6572726f72020000000f7b226465636c696e656422
            3a7b7d7d000000003537a48e
            """
        ),
        RecordGolden(
            "failed, retryable, greatest numbers",
            .example(
                .failed(.retryable(.didNotHappen)),
                attempt: .max,
                token: .max,
                checkpoints: [Checkpoint(name: "reserve", value: .void)]
            ),
            """
            49445201030101ffffffff0123456789abcdeffedcba9876543210ffffffffffffffff0000000000
            00000000004e94914f000002010000000100077265736572766500b01d76ce
            """
        ),
        RecordGolden(
            "revoked",
            .example(.failed(.revoked), attempt: 0),
            """
            49445201030101000000000123456789abcdeffedcba987654321000000000000000000000000000
            00000000004e94914f00000300000000f7d50f07
            """
        ),
        RecordGolden(
            "attempts exhausted",
            .example(.failed(.attemptsExhausted), attempt: 3, token: 43),
            """
            49445201030101000000030123456789abcdeffedcba9876543210000000000000002b0000000000
            00000000004e94914f00000400000000cd0b6621
            """
        ),
    ]

    /// FNV-1a of `charge;tenant=acme`, a NUL and `k-1`.
    static let digest: UInt64 = 0xB37B_EA28_568F_2420

    static let format2 = [
        RecordGolden(
            "claim that says whose it is",
            .example(lease: lease, retention: 7 * IdempotencyRecord.day, keyDigest: digest),
            """
            49445202010101000000010123456789abcdeffedcba9876543210000000000000000000000006fc
            23ac000002260ff92900000000000000b37bea28568f2420f884e21c
            """
        ),
        RecordGolden(
            "done, settled by hand",
            .example(
                .done(.encoded(Array(#""ok""#.utf8))),
                token: 42,
                fingerprint: fingerprint,
                lapsePolicy: .refuse,
                isKnownWithoutEffect: false,
                settlement: try! Settlement(id: "incident-4711", settledBy: "zoë"),
                keyDigest: digest
            ),
            """
            49445202020306000000010123456789abcdeffedcba9876543210000000000000002a0000000000
            00000000004e94914f000003000102030405060708090a0b0c0d0e0f101112131415161718191a1b
            1c1d1e1f0200000004226f6b2200000000b37bea28568f2420000d696e636964656e742d34373131
            00047a6fc3ab0745ad8a
            """
        ),
        RecordGolden(
            "free to run again, settled by hand, of no known key",
            .example(
                .failed(.retryable(.didNotHappen)),
                attempt: 3,
                token: 42,
                lapsePolicy: .refuse,
                checkpoints: [Checkpoint(name: "reserve", value: .void)],
                settlement: try! Settlement(id: "i", settledBy: "a")
            ),
            """
            49445202030305000000030123456789abcdeffedcba9876543210000000000000002a0000000000
            00000000004e94914f00000201000000010007726573657276650000000000000000000001690001
            61924a6e0f
            """
        ),
    ]
}
