import Synchronization

/// Counts what handlers did.
final class Counter: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .sequentiallyConsistent) }

    @discardableResult
    func add() -> Int { count.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue }
}
