import Synchronization

/// Makes fresh keys as UUIDs of version 7 (RFC 9562, section 5.7): ordered by time, so that index inserts stay local.
///
/// Keys of one generator strictly grow as texts, also within a millisecond and when the clock steps back (RFC 9562,
/// section 6.2, method 1: a 12-bit counter, seeded at random in each new millisecond).
@available(Idempotency 0.1, *)
public final class IdempotencyKeyGenerator: Sendable {
    private struct State {
        var milliseconds: UInt64 = 0
        var counter: UInt16 = 0
        var random: any RandomNumberGenerator & Sendable
    }

    /// The generator that ``IdempotencyKey/fresh(in:)`` uses.
    static let system = IdempotencyKeyGenerator()

    private let now: @Sendable () -> Duration
    private let state: Mutex<State>

    /// Makes a generator on the system's clock and source of random bits.
    public convenience init() {
        self.init(now: WallClock.now, random: SystemRandomNumberGenerator())
    }

    /// Makes a generator.
    ///
    /// - Parameters:
    ///   - now: The time since 1970-01-01T00:00:00Z.
    ///   - random: Where the random bits come from.
    public init(now: @escaping @Sendable () -> Duration, random: any RandomNumberGenerator & Sendable) {
        self.now = now
        self.state = Mutex(State(random: random))
    }

    /// A fresh key.
    ///
    /// - Parameter scope: Where the key counts.
    /// - Returns: A key that no other call has returned.
    public func next(in scope: IdempotencyScope) -> IdempotencyKey {
        // The 48 bits of a UUID's time end in the year 10889.
        let components = min(max(now(), .zero), .milliseconds(0xFFFF_FFFF_FFFF)).components
        let milliseconds =
            UInt64(components.seconds) * 1000 + UInt64(components.attoseconds) / 1_000_000_000_000_000
        let bytes = state.withLock { state in
            let low: UInt64 = state.random.next()
            if milliseconds > state.milliseconds {
                state.milliseconds = milliseconds
                state.counter = UInt16(truncatingIfNeeded: state.random.next() as UInt64) & 0x7FF
            } else if state.counter == 0xFFF {
                state.milliseconds += 1
                state.counter = 0
            } else {
                state.counter += 1
            }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(16)
            for shift in stride(from: 40, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: state.milliseconds >> UInt64(shift)))
            }
            bytes.append(UInt8(truncatingIfNeeded: state.counter >> 8))
            bytes.append(UInt8(truncatingIfNeeded: state.counter))
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: low >> UInt64(shift)))
            }
            return bytes
        }
        return IdempotencyKey(scope: scope, validated: UUIDText.format(bytes, version: 7))
    }
}

@available(Idempotency 0.1, *)
extension IdempotencyKey {
    /// A fresh key, for an operation that has no natural key: make it once, keep it, and retry with it.
    ///
    /// - Parameter scope: Where the key counts.
    /// - Returns: A key whose value is a new UUID of version 7.
    public static func fresh(in scope: IdempotencyScope) -> IdempotencyKey {
        IdempotencyKeyGenerator.system.next(in: scope)
    }
}
