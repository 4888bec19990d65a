// What the blocks of Operations.md use: see Scripts/check-articles.

import Idempotency

let fingerprint: Fingerprint? = nil
let cents = 1250
var old: IdempotencyInterceptor { fatalError() }
var new: IdempotencyInterceptor { fatalError() }

func log(_ text: String) {}
