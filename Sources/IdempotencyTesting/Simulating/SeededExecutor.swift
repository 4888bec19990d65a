internal import Idempotency
import Synchronization

/// Runs the jobs of its tasks one at a time, on the thread that drives it, in an order that a seed determines.
///
/// The same seed and the same program give the same order: a failure that was found once can be looked at again.
@available(Idempotency 0.1, *)
final class SeededExecutor: TaskExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var random: SplitMix64
        /// Of all choices so far (FNV-1a).
        var trace: UInt64 = 0xCBF2_9CE4_8422_2325
        /// Whether a job came from a thread that is not the driving one.
        var wasLeft = false

        mutating func note(_ number: UInt64) {
            trace = (trace ^ number) &* 0x0000_0100_0000_01B3
        }

        mutating func take() -> UnownedJob? {
            guard !jobs.isEmpty else { return nil }
            let index = Int.random(in: 0..<jobs.count, using: &random)
            note(UInt64(jobs.count) << 32 | UInt64(index))
            return jobs.remove(at: index)
        }
    }

    private let state: Mutex<State>
    private let drivingThread = currentThread()

    /// Makes an executor that the current thread will drive.
    init(seed: UInt64) {
        state = Mutex(State(random: SplitMix64(seed: seed)))
    }

    var trace: UInt64 { state.withLock { $0.trace } }

    /// Whether something that its jobs waited for ran elsewhere: when that came back cannot be repeated.
    var wasLeft: Bool { state.withLock { $0.wasLeft } }

    /// Lets something that happened count in the trace.
    func note(_ number: UInt64) { state.withLock { $0.note(number) } }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isForeign = currentThread() != drivingThread
        state.withLock { state in
            state.jobs.append(job)
            if isForeign { state.wasLeft = true }
        }
    }

    /// Runs one job. `false`: there is none.
    func runOne() -> Bool {
        guard let job = state.withLock({ $0.take() }) else { return false }
        job.runSynchronously(on: asUnownedTaskExecutor())
        return true
    }
}
