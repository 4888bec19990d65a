internal import Dispatch

/// Runs the library's own tasks on a thread of its own, so that handlers that keep all threads of the cooperative pool
/// busy cannot starve the renewal of their leases.
///
/// A serial dispatch queue whose target is not the cooperative pool: Dispatch gives it a thread when there is work, and
/// takes the thread back when there is none.
@available(Idempotency 0.1, *)
final class KeeperExecutor: TaskExecutor {
    private let queue = DispatchQueue(label: "idempotency.keeper", qos: .userInitiated)

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }

    /// Returns after the span, on whatever the calling task runs on. Dispatch's own thread keeps the time.
    func sleep(for span: Nanoseconds) async {
        let awake = OneShot<Void>()
        queue.asyncAfter(deadline: .now() + .nanoseconds(Int(clamping: span))) { awake.fire(()) }
        await awake.value()
    }
}
