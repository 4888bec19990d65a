import Idempotency

func page(_ text: String) {}
func count(_ name: String, of operation: String) {}
func report(_ key: IdempotencyKey, _ steps: [String], lastWritten: Duration) {}

/// A record that somebody has looked into, and the receipt that the bank has for it.
var found: ListedRecord { fatalError() }
let receipt = Receipt(number: "r-1")

var administration: RecordAdministration { fatalError() }
var payments: IdempotencyInterceptor { fatalError() }
