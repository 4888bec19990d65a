import Figures
import Idempotency
import IdempotencyInMemory
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// The memory of a million finished keys, and of a second million after the first has expired. Measured on Linux alone.
struct Memory {
    static let count = Effort.operations(1_000_000)

    func run() async throws {
        let clock = SteppingClock()
        let store = InMemoryIdempotencyStore(clock: clock)
        let policy = try OperationPolicy(lease: .seconds(5), retention: .seconds(60))
        let interceptor = IdempotencyInterceptor(store: store, policy: policy)
        let scope = try IdempotencyScope("charge")
        // Warm: what the process needs anyway is not counted.
        try await fill(interceptor, scope, 1000)
        guard let before = residentBytes() else { return }
        try await fill(interceptor, scope, Self.count)
        guard let first = residentBytes() else { return }
        // A key's value has 36 bytes, a result 100.
        report("memory of a finished key", (first - before) / Double(Self.count), .bytes)
        report("memory of a finished key, beside key and result", (first - before) / Double(Self.count) - 136, .bytes)
        clock.advance(by: .seconds(120))
        try await fill(interceptor, scope, Self.count)
        guard let second = residentBytes() else { return }
        report("memory after a second million keys, the first expired", second / first, .ratio)
        precondition(store.count < Self.count * 11 / 10, "expired records stayed")
    }

    private func fill(_ interceptor: IdempotencyInterceptor, _ scope: IdempotencyScope, _ count: Int) async throws {
        for _ in 0..<count {
            _ = try await interceptor.idempotent(key: .fresh(in: scope)) { _ in [UInt8](repeating: 7, count: 100) }
        }
    }

    private func residentBytes() -> Double? {
        #if canImport(Glibc)
        guard let file = fopen("/proc/self/statm", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        fgets(&line, 256, file)
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return Double(text.split(separator: " ")[1])! * Double(sysconf(Int32(_SC_PAGESIZE)))
        #else
        return nil
        #endif
    }
}

/// A clock that moves when it is told to.
final class SteppingClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private let offset = Mutex(Duration.zero)
    var now: Instant { Instant(offset: offset.withLock { $0 }) }
    var minimumResolution: Duration { .nanoseconds(1) }
    func sleep(until deadline: Instant, tolerance: Duration?) async throws {}
    func advance(by duration: Duration) { offset.withLock { $0 += duration } }
}
