#if THREAD_SANITIZER
internal import Idempotency

@available(Idempotency 0.1, *)
typealias Mutex<Value> = SanitizerMutex<Value>
#endif
