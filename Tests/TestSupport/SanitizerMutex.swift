#if THREAD_SANITIZER
import Idempotency

typealias Mutex<Value> = SanitizerMutex<Value>
#endif
