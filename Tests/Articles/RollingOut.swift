import Idempotency

struct Counters: IdempotencyObserver {
    func observe(_ event: IdempotencyEvent) {}
}

let counters = Counters()
var oldStore: any ListableIdempotencyStore { fatalError() }
var newStore: any IdempotencyStore { fatalError() }

func log(_ text: String) {}
