import Synchronization

/// A source of random bits that several interceptors may share: no two draws are the same.
@available(Idempotency 0.1, *)
final class RandomSource: Sendable {
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    init(_ generator: any RandomNumberGenerator & Sendable) {
        self.generator = Mutex(generator)
    }

    func next() -> UInt64 {
        generator.withLock { $0.next() }
    }
}
