import Dispatch
import Idempotency
import Synchronization

/// Runs tasks on threads of Dispatch, and knows when all of them wait for something.
@available(Idempotency 0.1, *)
public final class TrackingExecutor: TaskExecutor {
    private struct State {
        /// The jobs that are queued or being run.
        var jobs = 0
        var waiting: [UnsafeContinuation<Void, Never>] = []
    }

    private let queue = DispatchQueue(label: "idempotency.tests", attributes: .concurrent)
    private let state = Mutex(State())

    /// Begins without jobs.
    public init() {}

    /// Runs a job on a thread of Dispatch.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs += 1 }
        queue.async {
            job.runSynchronously(on: self.asUnownedTaskExecutor())
            self.finishJob()
        }
    }

    private func finishJob() {
        let waiting = state.withLock { state in
            state.jobs -= 1
            guard state.jobs == 0 else { return [] as [UnsafeContinuation<Void, Never>] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns once every task of this executor is suspended or has ended.
    ///
    /// Call it from a task of another executor: the caller's own job would count.
    public func waitUntilIdle() async {
        await withUnsafeContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.jobs > 0 { state.waiting.append(continuation) }
                return state.jobs == 0
            }
            if isIdle { continuation.resume() }
        }
    }
}
