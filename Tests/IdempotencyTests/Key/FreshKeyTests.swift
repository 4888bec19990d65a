import Idempotency
import Synchronization
import Testing

@Suite("Fresh keys")
struct FreshKeyTests {
    /// Random words as the test says, then zeros.
    struct Words: RandomNumberGenerator {
        var words: [UInt64]
        mutating func next() -> UInt64 { words.isEmpty ? 0 : words.removeFirst() }
    }

    /// The least random of all generators: what it makes can only differ by the counter.
    struct Constant: RandomNumberGenerator {
        var word: UInt64
        mutating func next() -> UInt64 { word }
    }

    final class Now: Sendable {
        let time: Mutex<Duration>
        init(_ time: Duration) { self.time = Mutex(time) }
        func set(_ time: Duration) { self.time.withLock { $0 = time } }
        func read() -> Duration { time.withLock { $0 } }
    }

    private let scope: IdempotencyScope

    init() throws {
        scope = try IdempotencyScope("charge", tenant: "acme")
    }

    private func milliseconds(_ key: IdempotencyKey) -> UInt64? {
        UInt64(key.value.replacing("-", with: "").prefix(12), radix: 16)
    }

    private func strictlyGrow(_ keys: [IdempotencyKey]) -> Bool {
        zip(keys, keys.dropFirst()).allSatisfy { $0.value < $1.value }
    }

    @Test("A fresh key is a UUID in lower case with version 7 and the variant of RFC 9562")
    func format() throws {
        for _ in 0..<1000 {
            let value = IdempotencyKey.fresh(in: scope).value
            #expect(
                try /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/.wholeMatch(in: value) != nil
            )
        }
        #expect(IdempotencyKey.fresh(in: scope).scope == scope)
    }

    @Test("Time, counter and random bits stand where RFC 9562 has them")
    func layout() throws {
        let generator = IdempotencyKeyGenerator(
            now: { .milliseconds(0x017F_22E2_79B0) + .microseconds(999) },
            random: Words(words: [0xD8C4_DC0C_0C07_398F, 0xFFFF_FFFF_FFFF_FCC3, 0xFFFF_FFFF_FFFF_FFFF])
        )
        #expect(generator.next(in: scope).value == "017f22e2-79b0-74c3-98c4-dc0c0c07398f")
        // The same millisecond: the counter goes up by one, under other random bits.
        #expect(generator.next(in: scope).value == "017f22e2-79b0-74c4-bfff-ffffffffffff")
        #expect(generator.next(in: scope).value == "017f22e2-79b0-74c5-8000-000000000000")
    }

    @Test("Keys of the system's clock carry its time")
    func systemTime() throws {
        let before = WallClock.now().nanoseconds / 1_000_000
        let key = IdempotencyKeyGenerator().next(in: scope)
        let after = WallClock.now().nanoseconds / 1_000_000
        let time = try #require(milliseconds(key))
        #expect(time >= UInt64(before) && time <= UInt64(after))
    }

    @Test("Keys strictly grow within a millisecond, also when the counter overflows", arguments: [0, UInt64.max])
    func withinMillisecond(_ word: UInt64) throws {
        let generator = IdempotencyKeyGenerator(now: { .seconds(1_700_000_000) }, random: Constant(word: word))
        let keys = (0..<10_000).map { _ in generator.next(in: scope) }
        #expect(strictlyGrow(keys))
        #expect(milliseconds(keys[0]) == 1_700_000_000_000)
        // Each overflow borrows a millisecond of the future, and no more than that.
        #expect(try #require(milliseconds(keys[9999])) <= 1_700_000_000_003)
    }

    @Test("Keys go on growing when the clock steps back, and follow it when it has caught up")
    func clockSteps() throws {
        let now = Now(.seconds(1000))
        let generator = IdempotencyKeyGenerator(now: now.read, random: Constant(word: .max))
        var keys = [generator.next(in: scope)]
        for time in [Duration.seconds(999), .seconds(1), .zero, .seconds(-5), .seconds(1000), .milliseconds(1_000_001)]
        {
            now.set(time)
            keys.append(generator.next(in: scope))
            keys.append(generator.next(in: scope))
        }
        #expect(strictlyGrow(keys))
        #expect(keys.dropLast(2).map(milliseconds) == Array(repeating: 1_000_000, count: keys.count - 2))
        #expect(keys.suffix(2).map(milliseconds) == [1_000_001, 1_000_001])
    }

    @Test("Two generators in one millisecond make different keys")
    func twoGenerators() {
        let one = IdempotencyKeyGenerator(now: { .seconds(5) }, random: SystemRandomNumberGenerator())
        let other = IdempotencyKeyGenerator(now: { .seconds(5) }, random: SystemRandomNumberGenerator())
        let keys = Set((0..<1000).flatMap { _ in [one.next(in: scope), other.next(in: scope)] })
        #expect(keys.count == 2000)
    }

    @Test("64 tasks that make keys at once never get one twice")
    func concurrency() async {
        let scope = scope
        // A standing clock and no random bits: only the lock around the counter keeps them apart.
        let generator = IdempotencyKeyGenerator(now: { .seconds(5) }, random: Constant(word: 0))
        let values = await withTaskGroup(of: [String].self) { group in
            for _ in 0..<64 {
                group.addTask { (0..<200).map { _ in generator.next(in: scope).value } }
            }
            return await group.reduce(into: []) { $0.append(contentsOf: $1) }
        }
        #expect(Set(values).count == 12_800)
    }
}
