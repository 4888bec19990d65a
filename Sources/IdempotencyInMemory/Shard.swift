internal import Idempotency
import Synchronization

/// A part of the keys behind a lock of its own.
@available(Idempotency 0.1, *)
final class Shard: Sendable {
    private let state: Mutex<ShardState>

    init(room: Room, lastVersion: UInt64) {
        state = Mutex(ShardState(room: room, lastVersion: lastVersion))
    }

    func withState<Result>(_ body: (inout ShardState) -> sending Result) -> sending Result {
        state.withLock(body)
    }
}
