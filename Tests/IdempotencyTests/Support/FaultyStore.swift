import Idempotency
import Synchronization
import TestSupport

/// One node's way to a store, which a test can disturb.
final class FaultyStore: IdempotencyStore {
    struct Down: Error {}

    enum Fault: Sendable {
        /// Throws, and changes nothing.
        case failBefore
        /// Makes the change, and throws.
        case loseReply
        /// Throws at once, and makes the change when the first gate opens; opens the second one then.
        case applyLater(when: Gate, done: Gate)
        /// Waits at the gate before the change.
        case hold(Gate)
        /// Waits at the gate, and throws without a change.
        case holdThenFail(Gate)
        /// Waits at the gate after the change, before the reply.
        case holdReply(Gate)
        /// Makes the change twice, and answers as the second one.
        case applyTwice
        /// Answers this; a load as a conflict tells it.
        case answer(CheckAndSetResult)
        /// Throws this.
        case fail(any Error)
    }

    private struct State {
        var writes = 0
        var loads = 0
        var isDead = false
        var writeFaults: [Int: Fault] = [:]
        var loadFaults: [Int: Fault] = [:]
        var records: [IdempotencyRecord] = []
        /// Faults for calls made while the calling task is cancelled.
        var failsWhenCancelled = false
        var losesRenewals = false
        /// Reads are answered, and writes are refused, as on a server that has become read-only or has no room.
        var refusesWrites = false
        /// Writes are made, and nothing is answered.
        var losesReplies = false
        var watchers: [(writes: Int, continuation: UnsafeContinuation<Void, Never>)] = []
        var loadWatchers: [(loads: Int, continuation: UnsafeContinuation<Void, Never>)] = []
    }

    let base: any IdempotencyStore
    private let state = Mutex(State())

    init(_ base: any IdempotencyStore) { self.base = base }

    var operations: Int { state.withLock { $0.writes + $0.loads } }
    var writes: Int { state.withLock { $0.writes } }
    var writtenRecords: [IdempotencyRecord] { state.withLock { $0.records } }

    /// The process behind this way is gone: nothing it sends arrives any more.
    func kill() { state.withLock { $0.isDead = true } }

    func revive() {
        state.withLock { state in
            state.isDead = false
            state.losesRenewals = false
            state.refusesWrites = false
            state.losesReplies = false
        }
    }

    /// From now on the store can be read, and refuses every write.
    func refuseWrites() { state.withLock { $0.refusesWrites = true } }

    /// From now on writes arrive, and no reply comes back.
    func loseReplies() { state.withLock { $0.losesReplies = true } }

    func failWhenCancelled() { state.withLock { $0.failsWhenCancelled = true } }

    /// No renewal arrives from now on; claims, steps and finishes do.
    func loseRenewals() { state.withLock { $0.losesRenewals = true } }

    /// Returns once that many check-and-sets have arrived.
    func waitForWrites(_ count: Int) async {
        await withUnsafeContinuation { continuation in
            let isThere = state.withLock { state in
                if state.writes < count { state.watchers.append((count, continuation)) }
                return state.writes >= count
            }
            if isThere { continuation.resume() }
        }
    }

    /// Returns once that many loads have arrived.
    func waitForLoads(_ count: Int) async {
        await withUnsafeContinuation { continuation in
            let isThere = state.withLock { state in
                if state.loads < count { state.loadWatchers.append((count, continuation)) }
                return state.loads >= count
            }
            if isThere { continuation.resume() }
        }
    }

    /// Disturbs the n-th check-and-set from now; the next one is 1.
    func disturb(write number: Int, _ fault: Fault) {
        state.withLock { $0.writeFaults[$0.writes + number] = fault }
    }

    /// Disturbs the n-th load from now; the next one is 1.
    func disturb(load number: Int, _ fault: Fault) {
        state.withLock { $0.loadFaults[$0.loads + number] = fault }
    }

    nonisolated(nonsending) func load(_ key: IdempotencyKey) async throws -> StoredRecord? {
        let (isDead, fault, told) = state.withLock { state in
            state.loads += 1
            let loads = state.loads
            let told = state.loadWatchers.filter { $0.loads <= loads }.map(\.continuation)
            state.loadWatchers.removeAll { $0.loads <= loads }
            return (state.isDead || state.losesReplies, state.loadFaults[loads], told)
        }
        for continuation in told { continuation.resume() }
        if isDead { throw Down() }
        switch fault {
        case .failBefore?, .loseReply?, .applyLater?: throw Down()
        case .fail(let error)?: throw error
        case .hold(let gate)?, .holdReply(let gate)?: await gate.pass()
        case .holdThenFail(let gate)?:
            await gate.pass()
            throw Down()
        case .answer(.conflict(let found))?: return found
        case .answer(.stored)?, .applyTwice?, nil: break
        }
        return try await base.load(key)
    }

    nonisolated(nonsending) func checkAndSet(
        _ key: IdempotencyKey,
        expecting expected: RecordVersion?,
        _ change: RecordChange
    ) async throws -> CheckAndSetResult {
        let (isLost, fault, failsWhenCancelled, losesReply, told) = state.withLock { state in
            state.writes += 1
            var isRenewal = false
            if case .write(let record) = change {
                state.records.append(record)
                isRenewal = record.isPending && record.token != nil && record.lease > .zero
            }
            let writes = state.writes
            let told = state.watchers.filter { $0.writes <= writes }.map(\.continuation)
            state.watchers.removeAll { $0.writes <= writes }
            let isLost = state.isDead || state.refusesWrites || state.losesRenewals && isRenewal
            let fault = state.writeFaults[writes]
            return (isLost, fault, state.failsWhenCancelled, state.losesReplies, told)
        }
        // A call whose reply is held is told of once it is made.
        if case .holdReply(let gate) = fault, !isLost {
            let result = try await base.checkAndSet(key, expecting: expected, change)
            for continuation in told { continuation.resume() }
            await gate.pass()
            return result
        }
        for continuation in told { continuation.resume() }
        if isLost { throw Down() }
        if failsWhenCancelled, Task.isCancelled { throw CancellationError() }
        if losesReply {
            _ = try await base.checkAndSet(key, expecting: expected, change)
            throw Down()
        }
        switch fault {
        case nil, .holdReply:
            return try await base.checkAndSet(key, expecting: expected, change)
        case .failBefore:
            throw Down()
        case .fail(let error):
            throw error
        case .loseReply:
            _ = try await base.checkAndSet(key, expecting: expected, change)
            throw Down()
        case .applyLater(let gate, let done):
            let base = base
            Task {
                await gate.pass()
                _ = try? await base.checkAndSet(key, expecting: expected, change)
                done.open()
            }
            throw Down()
        case .hold(let gate):
            await gate.pass()
            return try await base.checkAndSet(key, expecting: expected, change)
        case .holdThenFail(let gate):
            await gate.pass()
            throw Down()
        case .applyTwice:
            _ = try await base.checkAndSet(key, expecting: expected, change)
            return try await base.checkAndSet(key, expecting: expected, change)
        case .answer(let result):
            return result
        }
    }
}
